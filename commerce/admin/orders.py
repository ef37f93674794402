"""Orders. Their states follow the payments; a person may mend where the goods go, and decide a few things."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.admin import NeedsAPerson, ReadOnlyInline, link_to_row, link_to_search
from billing.admin.ways_out import WaysOut
from billing.lookup import number_in
from billing.models import Callback, Payment, PaymentEvent, Refund
from commerce import orders
from commerce.admin.bases import KeepsTheRest
from commerce.admin.decisions import Decides, Decision
from commerce.admin.ways_out_of_orders import OF_ORDERS
from commerce.models import Cart, Notification, Order, OrderEvent, OrderLine, OrderStatus
from commerce.timeline import timeline

MOST_OF_ONE_CUSTOMER = 100
"""So many orders of one address are looked through for what belongs to them."""

_ASKED = OrderEvent.objects.filter(order=OuterRef("pk"), kind=OrderEvent.Kind.CANCEL_ASKED)

MARK_DELIVERED = Decision(
    action="mark_delivered",
    question="Mark delivered?",
    warning="These orders have reached their customers? This cannot be taken back.",
    possible=Q(status=OrderStatus.PAID),
    do=lambda pk, by, _why: orders.mark_delivered(pk, by),
    button="Yes, mark them delivered",
    done="Orders marked delivered",
    left_alone="Orders that are not paid, or delivered already",
    asks_why=False,
)
CANCEL = Decision(
    action="cancel",
    question="Cancel for the customer?",
    warning="The customers do not want these orders any more? A payment that is open is called off at the provider "
    "first; who was quicker and has paid gets the order all the same. This cannot be taken back.",
    possible=Q(status=OrderStatus.AWAITING_PAYMENT) & ~Q(Exists(_ASKED)),
    do=orders.cancel_on_behalf,
    button="Yes, cancel them",
    done="Orders cancelled for the customer",
    left_alone="Orders that do not await payment any more, whose money is here, or that are being cancelled already",
)
CLEAR_ATTENTION = Decision(
    action="clear_attention",
    question="Has somebody looked at it?",
    warning="What these orders need a person for is settled? Say what was done about it.",
    possible=~Q(attention_note=""),
    do=orders.clear_attention,
    button="Yes, it is settled",
    done="Orders that somebody has looked at",
    left_alone="Orders that need nobody to look",
)


def orders_named(word: str) -> Q:
    """The orders that somebody may mean by a word; each part of it has an index."""
    return Q(pk=number_in(word)) | Q(public_id=word) | Q(email__iexact=word)


class OrderNeedsAPerson(NeedsAPerson):
    trouble = ~Q(attention_note="")


class LineInline(ReadOnlyInline):
    model = OrderLine
    fields = ("name", "quantity", "total")
    show_change_link = False

    def total(self, line: OrderLine) -> str:
        return str(line.total)


class NotificationInline(ReadOnlyInline):
    model = Notification
    fields = ("kind", "recipient", "status", "queued_at", "send_after", "sent_at", "error")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without the letters themselves."""
        return super().get_queryset(request).defer("text", "html")


@admin.register(Order)
class OrderAdmin(WaysOut, Decides, KeepsTheRest):
    """What was ordered, everything that belongs to it, and its story."""

    list_display = ("public_id", "status", "total", "name", "email", "placed_at", "attention_note")
    list_filter = (OrderNeedsAPerson, "status", "placed_at")
    search_fields = ("public_id", "email")
    search_help_text = "In full: the number of the order, or the customer's mail address."
    inlines = (LineInline, NotificationInline)
    actions = ("mark_delivered", "cancel", "clear_attention")
    ways_out = OF_ORDERS
    fields = (
        "public_id", "status", "total", "refunded", "links", "offers", "attention_note", "email", "name", "address",
        "delivery", "language", "placed_at", "pay_before", "expires_at", "ended_at", "delivered_at", "refunded_at",
        "history",
    )  # fmt: skip
    readonly_fields = (
        "public_id", "status", "total", "refunded", "links", "offers", "attention_note", "email", "delivery",
        "language", "placed_at", "pay_before", "expires_at", "ended_at", "delivered_at", "refunded_at", "history",
    )  # fmt: skip

    def total(self, order: Order) -> str:
        return str(order.total)

    @admin.display(description="given back")
    def refunded(self, order: Order) -> str:
        return str(order.refunded or "nothing")

    def delivery(self, order: Order) -> str:
        """How the goods go, and what of the total it cost."""
        return f"{order.delivery_name}, {order.delivery_price}" if order.delivery_name else "–"

    @admin.display(description="see also")
    def links(self, order: Order) -> SafeString:
        """Everything elsewhere that belongs to it."""
        number = order.public_id
        found = [
            link_to_search(Payment, number, "payments"),
            link_to_search(Refund, number, "refunds"),
            link_to_search(PaymentEvent, number, "payment events"),
            link_to_search(Callback, number, "callbacks"),
            link_to_search(Notification, number, "notifications"),
            format_html('<a href="{}">the customer\'s page</a>', reverse("order", args=[number])),
        ]
        if order.customer_id:
            found.append(link_to_row(get_user_model(), order.customer_id, "customer"))
        if order.cart_id:
            found.append(link_to_row(Cart, order.cart_id, "cart"))
        return format_html_join(" · ", "{}", ((link,) for link in found))

    @admin.display(description="what has happened")
    def history(self, order: Order) -> SafeString:
        """For whoever has the customer on the telephone."""
        return render_to_string("commerce/admin/timeline.html", {"entries": timeline(order)})

    def named(self, word: str) -> Q:
        return orders_named(word)

    def named_on_page(self, row: Any) -> str:
        return f"{row.public_id}: {row.get_status_display()}, {row.name}, {row.total}"

    @admin.action(description="Mark delivered", permissions=["change"])
    def mark_delivered(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        return self.decide(request, queryset, MARK_DELIVERED)

    @admin.action(description="Cancel for the customer", permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        return self.decide(request, queryset, CANCEL)

    @admin.action(description="It has been looked at", permissions=["change"])
    def clear_attention(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        return self.decide(request, queryset, CLEAR_ATTENTION)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False
