"""The days that were counted."""

from django.contrib import admin
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin import ReadOnlyAdmin, needs_a_person
from commerce.models import DailyReport


@admin.register(DailyReport)
class DailyReportAdmin(ReadOnlyAdmin):
    """The days that were counted and what became of their mails; the numbers have a page of their own."""

    list_display = ("day", "built_at", "mail_state", "mail_after", "mailed_at", "mail_error", "page")
    list_filter = (needs_a_person(Q(mail_state__in=["uncertain", "given_up"])), "mail_state")
    date_hierarchy = "day"
    show_full_result_count = False
    fields = ("day", "page", "built_at", "mail_state", "mail_after", "mailed_at", "mail_error", "errors", "claims")
    readonly_fields = ("page",)

    def page(self, report: DailyReport) -> SafeString:
        """Where it is drawn."""
        return format_html('<a href="{}">Report</a>', reverse("report", args=[report.day]))
