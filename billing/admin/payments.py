"""The admin of payments, refunds, events and callbacks. An operator sees all columns and edits none.

Only the provider's answer changes a payment. An operator can ask for it with "Check now", and can resolve money that
needs a decision (`billing.actions`), each time with a reason.
"""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from billing.actions import CHECK_PAYMENT, CHECK_REFUND, OF_DISPUTES, OF_PAYMENTS, OF_REFUNDS, REFUND, REPLAY
from billing.admin.bases import (
    ByAccount,
    ByWhatCame,
    LargeTable,
    ReadOnlyAdmin,
    ReadOnlyInline,
    link_to_console,
    link_to_row,
    link_to_search,
    money,
    needs_a_person,
    sentence,
)
from billing.attention import ATTENTIVE
from billing.lookup import number_in, payments_named
from billing.models import Callback, Difference, Dispute, Payment, PaymentEvent, Refund
from config.actions.admin import ActionAdmin

NEWEST = 50
"""How many callbacks the page of a payment shows: their number has no limit."""


class EventInline(ReadOnlyInline):
    model = PaymentEvent
    fields = ("at", "source", "target", "raw_status", "found_by", "settle_after")


class CallbackInline(ReadOnlyInline):
    model = Callback
    fields = ("received_at", "event", "outcome", "repeats", "process_after")
    verbose_name_plural = format_lazy(_("callbacks (the newest {newest})"), newest=NEWEST)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The newest callbacks, without their bodies of up to 64 KiB."""
        rows = super().get_queryset(request).defer("body")
        key = number_in(request.resolver_match.kwargs.get("object_id", "")) if request.resolver_match else None
        return rows.filter(pk__in=rows.filter(payment_id=key).order_by("-pk").values("pk")[:NEWEST])


class RefundInline(ReadOnlyInline):
    model = Refund
    fields = ("amount", "status", "wanted", "its_reason", "created_at", "ended_at")
    amount, wanted, its_reason = money("amount"), sentence("wanted_by"), sentence("why")


class DisputeInline(ReadOnlyInline):
    model = Dispute
    fields = ("amount", "status", "reason", "evidence_due_at", "answered_by", "ended_at")
    amount = money("amount")


@admin.register(Payment)
class PaymentAdmin(ActionAdmin, LargeTable, ReadOnlyAdmin):
    list_display = ("id", "paid_for", "amount", "status", "attention", "created_at", "next_check_at")
    list_filter = (
        needs_a_person(ATTENTIVE["payment"].needs_a_person),
        "status",
        "attention",
        "created_at",
        ByWhatCame,
        ByAccount,
    )
    search_fields = ("reference", "provider_ref", "provider_ids__ref")
    search_help_text = _(
        "In full: the order's number, the reference, the payment's number, or the provider's id of any part of it."
    )
    fields = (
        "paid_for", "see_also", "amount", "reference", "status", "raw_status", "why_so", "found_by", "attention",
        "note", "errors", "claims", "account", "provider_ref", "further_ids", "pay_url", "advice",
        "created_at", "window_ends_at", "returned_at", "working_since", "cancel_asked_at", "next_check_at", "ended_at",
        "received", "left", "decided_by", "decided_why",
    )  # fmt: skip
    readonly_fields = ("paid_for", "see_also", "amount", "why_so", "note", "further_ids", "received", "left")
    inlines = (EventInline, RefundInline, DisputeInline, CallbackInline)
    list_actions = (CHECK_PAYMENT, REFUND)
    page_actions = OF_PAYMENTS
    amount, why_so, note = money("amount"), sentence("reason"), sentence("attention_note")

    @admin.display(description=_("paid for"))
    def paid_for(self, payment: Payment) -> str | SafeString:
        """The description, as a link if PAYMENT_REFERENCE_MODEL names the list to search by the reference."""
        name = settings.PAYMENT_REFERENCE_MODEL
        if name and self.admin_site.is_registered(apps.get_model(name)):
            return link_to_search(apps.get_model(name), payment.reference, payment.description)
        return payment.description

    @admin.display(description=_("see also"))
    def see_also(self, payment: Payment) -> str | SafeString:
        return link_to_console(payment.pk) or self.get_empty_value_display()

    @admin.display(description=_("further ids there"))
    def further_ids(self, payment: Payment) -> str:
        """To find it in the provider's own pages: its charge, its refunds, its disputes."""
        return ", ".join(row.ref for row in payment.provider_ids.all()) or self.get_empty_value_display()

    @admin.display(description=_("received"))
    def received(self, payment: Payment) -> str:
        return payment.received.localized() if payment.received else pgettext("money", "nothing")

    @admin.display(description=_("left"))
    def left(self, payment: Payment) -> str:
        return payment.left.localized() if payment.left else pgettext("money", "nothing")

    def named(self, word: str) -> Q:
        return payments_named(word)


class AboutPayment(LargeTable, ReadOnlyAdmin):
    """Rows that belong to a payment; they are searched by its names."""

    search_fields = ("payment__reference", "payment__provider_ref")
    search_help_text = PaymentAdmin.search_help_text

    def named(self, word: str) -> Q:
        """Find the payments first: a search over two tables at once would not use an index."""
        payments = Payment.objects.filter(payments_named(word)).values_list("pk", flat=True)
        return Q(payment_id__in=list(payments[:NEWEST]))

    @admin.display(description=pgettext_lazy("name", "payment"))
    def about(self, row: PaymentEvent | Callback | Refund | Dispute | Difference) -> str | SafeString:
        """A link to the payment; empty for a callback about an unknown payment."""
        if row.payment is None:
            return self.get_empty_value_display()
        return link_to_row(Payment, row.payment_id, row.payment.description)


@admin.register(Refund)
class RefundAdmin(ActionAdmin, AboutPayment):
    """Refunds. A refund is started on the page of its payment."""

    list_display = ("id", "about", "amount", "status", "attention", "created_at", "wanted", "next_check_at")
    list_filter = (needs_a_person(ATTENTIVE["refund"].needs_a_person), "status", "attention", "created_at")
    list_select_related = ("payment",)
    fields = (
        "about", "amount", "status", "raw_status", "why_so", "attention", "note", "wanted", "its_reason",
        "provider_ref", "errors", "claims", "created_at", "sent_at", "next_check_at", "ended_at",
    )  # fmt: skip
    readonly_fields = ("about", "amount", "why_so", "note", "wanted", "its_reason")
    list_actions = (CHECK_REFUND,)
    page_actions = OF_REFUNDS
    amount = money("amount")
    why_so, note, wanted, its_reason = map(sentence, ("reason", "attention_note", "wanted_by", "why"))


@admin.register(Dispute)
class DisputeAdmin(ActionAdmin, AboutPayment):
    """Disputes. They are answered in the provider's own pages."""

    list_display = ("id", "about", "amount", "status", "reason", "evidence_due_at", "answered_by", "opened_at")
    list_filter = (needs_a_person(ATTENTIVE["dispute"].needs_a_person), "status", "account")
    list_select_related = ("payment",)
    fields = (
        "about", "amount", "fee", "status", "raw_status", "is_inquiry", "reason", "account", "provider_ref",
        "evidence_due_at", "opened_at", "noticed_at", "ended_at", "answered_by", "answered_why",
    )  # fmt: skip
    readonly_fields = ("about", "amount", "fee", "noticed_at")
    list_actions = page_actions = OF_DISPUTES
    amount, fee = money("amount"), money("fee")


@admin.register(PaymentEvent)
class PaymentEventAdmin(AboutPayment):
    list_display = ("id", "about", "refund", "source", "target", "raw_status", "found_by", "at", "settle_after")
    list_select_related = ("payment", "refund__payment")  # a refund is named with its currency
    list_filter = ("target", "found_by", "at")
    fields = ("about", "refund", "source", "target", "raw_status", "found_by", "at", "settle_after", "errors", "claims")
    readonly_fields = ("about",)


@admin.register(Callback)
class CallbackAdmin(ActionAdmin, AboutPayment):
    list_display = ("id", "account", "event", "outcome", "about", "repeats", "received_at")
    list_filter = ("outcome", "received_at", ByAccount)
    list_select_related = ("payment",)
    fields = (
        "account", "event", "outcome", "about", "repeats", "sender", "received_at", "process_after", "replayed_at",
        "replayed_by", "digest", "posted",
    )  # fmt: skip
    readonly_fields = ("about", "posted")
    list_actions = (REPLAY,)

    @admin.display(description=_("body"))
    def posted(self, callback: Callback) -> str:
        """The body as received; the page escapes it."""
        return bytes(callback.body).decode(errors="backslashreplace")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without the bodies of up to 64 KiB: the list does not show them."""
        return super().get_queryset(request).defer("body")
