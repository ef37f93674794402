"""Mails: queued, sent, given up."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from billing.admin import NeedsAPerson, ReadOnlyAdmin, link_to_row
from commerce import notifications
from commerce.admin.decisions import Decides, Decision
from commerce.admin.orders import MOST_OF_ONE_CUSTOMER, orders_named
from commerce.models import Notification, Order

SEND_AGAIN = Decision(
    action="send_again",
    question="Send again?",
    warning="These mails were given up, and are tried again as they are.",
    possible=Q(status=Notification.Status.GIVEN_UP),
    do=lambda pk, _by, _why: notifications.send_again(pk),
    button="Yes, send them again",
    done="Mails that are sent again",
    left_alone="Mails that were not given up",
)


class MailNeedsAPerson(NeedsAPerson):
    trouble = Q(status=Notification.Status.GIVEN_UP)


@admin.register(Notification)
class NotificationAdmin(Decides, ReadOnlyAdmin):
    """Nothing in a mail can be changed; one that was given up can be sent again."""

    list_display = ("id", "about", "kind", "recipient", "status", "error", "queued_at", "sent_at")
    list_filter = (MailNeedsAPerson, "status", "kind", "queued_at")
    list_select_related = ("order",)
    search_fields = ("recipient", "order__public_id")
    search_help_text = "In full: the mail address, or the number of the order."
    fields = (
        "about", "kind", "recipient", "recipient_name", "status", "error", "errors", "claims", "queued_at",
        "send_after", "sent_at", "message_id", "subject", "text",
    )  # fmt: skip
    readonly_fields = ("about", "queued_at")
    actions = ("send_again",)

    @admin.display(description="order")
    def about(self, mail: Notification) -> SafeString:
        return link_to_row(Order, mail.order_id, mail.order.public_id)

    def named(self, word: str) -> Q:
        """The orders are looked up first: a search over two tables at once would use no index."""
        orders = Order.objects.filter(orders_named(word)).values_list("pk", flat=True)
        return super().named(word) | Q(recipient__iexact=word) | Q(order_id__in=list(orders[:MOST_OF_ONE_CUSTOMER]))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The list does without the letters themselves."""
        return super().get_queryset(request).defer("text", "html")

    def named_on_page(self, row: Any) -> str:
        """What may be doubled says so."""
        twice = "; a second copy may arrive" if row.error.startswith(notifications.UNCERTAIN) else ""
        return f"{row.get_kind_display()} to {row.recipient}: {row.error or row.get_status_display()}{twice}"

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Nobody changes a mail by hand; who may have it sent again is who was given "change notification"."""
        return request.user.has_perm("commerce.change_notification")

    @admin.action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notification]) -> HttpResponse | None:
        return self.decide(request, queryset, SEND_AGAIN)
