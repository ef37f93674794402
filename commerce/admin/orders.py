"""The admin of orders. Payments set their states; staff can correct the address, and take a few decisions."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import CharField, Q, QuerySet, TextField
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from billing.admin.bases import (
    LargeTable,
    ReadOnlyInline,
    filter_by,
    link_to_console,
    link_to_row,
    link_to_search,
    money,
    needs_a_person,
    sentence,
)
from billing.models import Callback, Payment, PaymentEvent, Refund
from commerce.admin.personal_data import PersonalDataAdmin
from commerce.admin.resolutions import CANCEL, CLEAR_ATTENTION, MARK_DELIVERED, MARK_SENT, OF_ORDERS
from commerce.forms import LineField, ParagraphsField
from commerce.models import Cart, Notification, Order, OrderLine
from commerce.models.notification import without_texts
from commerce.models.order import TO_BE_PACKED
from commerce.order_search import orders_named
from commerce.orders import ATTENTIVE_ORDERS
from commerce.personal_data.actions import ERASE
from commerce.timeline import timeline
from config.actions.admin import ActionAdmin
from config.formats.sentences import shown

MAX_ORDERS_SEARCHED = 100
"""Orders of one mail address whose other rows a search finds."""

PAYMENTS_LINKED = 5
"""The newest payments of an order, with links to the console."""


class LineInline(ReadOnlyInline):
    model = OrderLine
    fields = ("title", "quantity", "total")
    show_change_link = False
    total = money("total")


class NotificationInline(ReadOnlyInline):
    model = Notification
    fields = ("kind", "recipient", "status", "queued_at", "send_after", "sent_at", "error")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without the large text columns."""
        return without_texts(super().get_queryset(request))


@admin.register(Order)
class OrderAdmin(PersonalDataAdmin, ActionAdmin, LargeTable):
    """An order with its lines, mails, links and history."""

    list_display = ("number", "buyer", "total", "standing", "placed_at")
    list_filter = (
        needs_a_person(ATTENTIVE_ORDERS.needs_a_person),
        filter_by(pgettext_lazy("orders", "work"), "work", lambda: {"pack": (_("To be packed"), TO_BE_PACKED)}),
        "status",
        "placed_at",
    )
    search_fields = ("public_id", "name", "email")
    search_help_text = _("The number, or three letters or more of the customer's name or mail address.")
    inlines = (LineInline, NotificationInline)
    list_actions = (MARK_SENT, MARK_DELIVERED, CANCEL, CLEAR_ATTENTION)
    page_actions = (*OF_ORDERS, ERASE)
    total = money("total")
    fields = (
        "number", "status", "total", "refunded", "links", "note", "email", "name", "address",
        "delivery", "language", "placed_at", "pay_before", "expires_at", "ended_at", "sent_at", "delivered_at",
        "refunded_at", "history",
    )  # fmt: skip
    readonly_fields = tuple(field for field in fields if field not in {"name", "address"})
    formfield_overrides: ClassVar = {CharField: {"form_class": LineField}, TextField: {"form_class": ParagraphsField}}

    note = sentence("attention_note")

    @admin.display(description=_("number"))
    def number(self, order: Order) -> str:
        return order.number

    @admin.display(description=pgettext_lazy("name", "customer"))
    def buyer(self, order: Order) -> SafeString:
        return format_html('<bdi>{}</bdi><bdi class="second">{}</bdi>', order.name, order.email)

    @admin.display(description=_("status"))
    def standing(self, order: Order) -> SafeString:
        """With what a person must look at."""
        return format_html('{}<bdi class="second">{}</bdi>', order.standing, shown(order.attention_note))

    @admin.display(description=_("given back"))
    def refunded(self, order: Order) -> str:
        return order.refunded.localized() if order.refunded else pgettext("money", "nothing")

    @admin.display(description=_("delivery"))
    def delivery(self, order: Order) -> str:
        """The delivery method, and its part of the total."""
        return f"{order.delivery_title}, {order.delivery_price.localized()}" if order.delivery_name else "–"

    @admin.display(description=_("see also"))
    def links(self, order: Order) -> SafeString:
        """Links to the order's rows in other tables."""
        number = order.public_id
        models = (Payment, Refund, PaymentEvent, Callback, Notification)
        found = [link_to_search(model, number, model._meta.verbose_name_plural) for model in models]
        found.append(format_html('<a href="{}">{}</a>', reverse("order", args=[number]), _("the customer's page")))
        if order.customer_id:
            found.append(link_to_row(get_user_model(), order.customer_id, pgettext("name", "customer")))
        if order.cart_id:
            found.append(link_to_row(Cart, order.cart_id, pgettext("name", "cart")))
        payments = Payment.objects.filter(reference=number).values_list("pk", flat=True)[:PAYMENTS_LINKED]
        found += [link for payment in payments if (link := link_to_console(payment))]
        return format_html_join(" · ", "{}", ((link,) for link in found))

    @admin.display(description=_("history"))
    def history(self, order: Order) -> SafeString:
        """For support on the phone."""
        return render_to_string("commerce/admin/timeline.html", {"entries": timeline(order)})

    def named(self, word: str) -> Q:
        return orders_named(word)

    def has_add_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False

    has_delete_permission = has_add_permission
