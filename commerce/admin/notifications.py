"""The admin of mails, and of the daily reports that some of them are about."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from billing.admin.bases import LargeTable, ReadOnlyAdmin, link_to_row, needs_a_person, sentence
from commerce.admin.orders import MAX_ORDERS_SEARCHED, NotificationInline
from commerce.mail import queue
from commerce.models import DailyReport, Notification, Order
from commerce.models.notification import without_texts
from commerce.order_search import orders_named
from config.actions import Action, Reason, Subject, row_of
from config.actions.admin import ActionAdmin
from config.formats.sentences import shown


def _named(mail: Any) -> str:
    """With a warning for a mail that may have been sent already."""
    twice = gettext("; a second copy may arrive") if mail.is_uncertain else ""
    return f"{mail.title} → {mail.recipient}: {shown(mail.error) or mail.get_status_display()}{twice}"


def _sent_again(about: Subject, _mails: int) -> str:
    mail: Any = about.row
    return gettext("The mail to %(recipient)s is being sent again.") % {"recipient": mail.recipient}


SEND_AGAIN = Action(
    "send-mail-again", _("Send again"),
    _("The same mail is tried again. One that may have been sent already may arrive twice."),
    ("commerce.change_notification",), row_of(Notification, "text", "html"),
    lambda mail_id, by, why: queue.send_again(mail_id),
    _("Mails that are sent again"), _("Mails that were not given up"), Reason, named=_named, told=_sent_again,
    offered=lambda mail: mail.status == Notification.Status.GIVEN_UP,
)  # fmt: skip
SEND_ALIKE_AGAIN = Action(
    "send-alike-again", _("Send again all with this reason"),
    _("All mails that a fault gave up with the same error and codes are tried again, thousands at once; repeat it for "
      "the rest. Those that may have been sent already are left out."),
    ("commerce.change_notification",), row_of(Notification, "text", "html"),
    lambda mail_id, by, why: queue.send_alike_again(mail_id),
    _("Mails that are sent again"), _("Mails that were not given up, or may have been sent already"), Reason,
    named=lambda mail: mail.reason,
    offered=lambda mail: mail.status == Notification.Status.GIVEN_UP and not mail.is_uncertain,
)  # fmt: skip


@admin.register(Notification)
class NotificationAdmin(ActionAdmin, LargeTable, ReadOnlyAdmin):
    """Mails are read-only; those that were given up can be sent again."""

    list_display = ("id", "about", "recipient", "kind", "status", "trouble", "sent_at", "queued_at")
    list_filter = (needs_a_person(Q(status=Notification.Status.GIVEN_UP)), "status", "kind", "queued_at")
    search_fields = ("recipient", "order__public_id")
    search_help_text = _("The mail address, the order's number, or a part of its customer's name or mail address.")
    fields = (
        "about", "kind", "recipient", "recipient_name", "status", "trouble", "errors", "claims", "queued_at",
        "send_after", "refused_since", "sent_at", "message_id", "subject", "words",
    )  # fmt: skip
    readonly_fields = ("about", "trouble", "queued_at", "words")
    trouble = sentence("error")
    list_actions = page_actions = (SEND_AGAIN, SEND_ALIKE_AGAIN)

    @admin.display(description=_("about"))
    def about(self, mail: Notification) -> str:
        """The order, the day's report, or nothing for a mail about an account."""
        if mail.order:
            return link_to_row(Order, mail.order.pk, mail.order.number)
        if mail.report:
            return link_to_row(DailyReport, mail.report.pk, mail.title)
        return str(self.get_empty_value_display())

    @admin.display(description=pgettext_lazy("name", "text"))
    def words(self, mail: Notification) -> str:
        """Not of a link to an account: its reader could set the password."""
        return str(self.get_empty_value_display()) if mail.kind == Notification.Kind.ACCOUNT_LINK else mail.text

    def named(self, word: str) -> Q:
        """Orders are searched first: a search over two tables at once would use no index."""
        orders = Order.objects.filter(orders_named(word)).values_list("pk", flat=True)
        return super().named(word) | Q(recipient__iexact=word) | Q(order_id__in=list(orders[:MAX_ORDERS_SEARCHED]))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without the large text columns."""
        return without_texts(super().get_queryset(request)).select_related("order")


@admin.register(DailyReport)
class DailyReportAdmin(ReadOnlyAdmin):
    """Reports with their mails; the numbers have their own page."""

    list_display = ("day", "built_at", "page")
    date_hierarchy = "day"
    show_full_result_count = False
    fields = ("day", "page", "built_at")
    readonly_fields = ("page",)
    inlines = (NotificationInline,)

    @admin.display(description=_("page"))
    def page(self, report: DailyReport) -> SafeString:
        """The link to the report's page."""
        return format_html('<a href="{}">{}</a>', reverse("report", args=[report.day]), _("Report"))
