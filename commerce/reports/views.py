"""The pages of the reports, for staff with permission."""

from collections.abc import Callable
from datetime import date
from typing import Any, Concatenate, ParamSpec

from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from commerce.models import DailyReport
from commerce.reports import csv_files
from commerce.reports import page as report_page

DAYS_SHOWN = 30
DAYS_DOWNLOADED = 1000

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def for_managers(view: View[P]) -> View[P]:
    """Requires a staff login and the permission (403 without it). Browsers and proxies must not cache the page."""
    allowed = permission_required("commerce.view_dailyreport", raise_exception=True)(view)
    shown: View[P] = never_cache(require_safe(staff_member_required(allowed)))
    return shown


@for_managers
def report_list(request: HttpRequest) -> HttpResponse:
    """The latest days, newest first, with a chart."""
    reports = list(DailyReport.objects.all()[:DAYS_SHOWN])
    rows = [(report, report.figures) for report in reports]
    most = max((numbers.placed for _report, numbers in rows), default=0)
    page = {
        "rows": [(report, numbers, numbers.placed / most * 100 if most else 0) for report, numbers in rows],
        "chart": report_page.days_chart(reports[::-1]) if reports else "",
        "first": reports[-1].day if reports else None,
        "last": reports[0].day if reports else None,
    }
    return render(request, "commerce/report_list.html", page)


@for_managers
def report(request: HttpRequest, day: date) -> HttpResponse:
    """One day."""
    shown = get_object_or_404(DailyReport, day=day)
    page: dict[str, Any] = {**report_page.page(shown), **report_page.day_charts(shown.figures)}
    page["mail_word"] = report_page.mails_to_managers(shown)
    page["earlier"] = DailyReport.objects.filter(day__lt=day).order_by("-day").first()
    page["later"] = DailyReport.objects.filter(day__gt=day).order_by("day").first()
    return render(request, "commerce/report.html", page)


@for_managers
def report_file(request: HttpRequest, day: date) -> HttpResponse:
    """One day as CSV."""
    return _file(f"report-{day}.csv", csv_files.of_day(get_object_or_404(DailyReport, day=day)))


@for_managers
def reports_file(request: HttpRequest) -> HttpResponse:
    """Many days as CSV, oldest first: ?from=2026-03-01&to=2026-03-31, both inclusive and optional."""
    try:
        first, last = _day(request, "from", date.min), _day(request, "to", date.max)
    except ValueError:
        return HttpResponseBadRequest(_("Write a day like 2026-03-29."), content_type="text/plain; charset=utf-8")
    if first > last:
        return HttpResponseBadRequest(_("The first day is after the last."), content_type="text/plain; charset=utf-8")
    found = DailyReport.objects.filter(day__range=(first, last)).order_by("day")[:DAYS_DOWNLOADED]
    return _file("reports.csv", csv_files.of_days(found))


def _day(request: HttpRequest, name: str, otherwise: date) -> date:
    value = request.GET.get(name, "")
    return date.fromisoformat(value) if value else otherwise


def _file(name: str, text: str) -> HttpResponse:
    """With a byte order mark: without it Excel does not read UTF-8."""
    answer = HttpResponse("\ufeff" + text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
