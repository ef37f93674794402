"""The admin of daily reports."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin.bases import ReadOnlyAdmin
from commerce.admin.orders import NotificationInline
from commerce.models import DailyReport


@admin.register(DailyReport)
class DailyReportAdmin(ReadOnlyAdmin):
    """Reports with their mails; the numbers have their own page."""

    list_display = ("day", "built_at", "page")
    date_hierarchy = "day"
    show_full_result_count = False
    fields = ("day", "page", "built_at")
    readonly_fields = ("page",)
    inlines = (NotificationInline,)

    def page(self, report: DailyReport) -> SafeString:
        """The link to the report's page."""
        return format_html('<a href="{}">Report</a>', reverse("report", args=[report.day]))
