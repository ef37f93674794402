"""The timeline of payments, in sentences that a shop assistant understands. The shop merges it with its own entries."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.models import AskedBy, Attention, Callback, Dispute, Payment, PaymentEvent, Refund
from billing.payments.service import History
from billing.states import DisputeStatus, RefundStatus, Status
from config.formats.sentences import shown

REACHED: dict[str, object] = {
    Status.PENDING: gettext_lazy("The payment provider is ready for the customer to pay."),
    Status.AUTHORIZED: gettext_lazy("The money is held for us, but not taken yet. %(how)s"),
    Status.SUCCEEDED: gettext_lazy("The money has arrived. %(how)s"),
    Status.CANCELED: gettext_lazy("The payment was canceled. %(how)s"),
    Status.EXPIRED: gettext_lazy("The time to pay was over, and the payment was closed. %(how)s"),
}
HOW: dict[str, object] = {
    AskedBy.CHECKOUT: gettext_lazy("(Seen at the checkout.)"),
    AskedBy.CALLBACK: gettext_lazy("(Seen after the provider called us.)"),
    AskedBy.RETURN: gettext_lazy("(Seen when the customer came back.)"),
    AskedBy.OPERATOR: gettext_lazy("(Seen when the shop's staff checked it.)"),
    AskedBy.CUSTOMER: gettext_lazy("(Because the customer canceled it.)"),
}
"""What asked for the check; any other reason is the schedule."""

BY_SCHEDULE = gettext_lazy("(Seen when we asked the provider.)")


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `for_customer`: the customer sees it too."""

    at: datetime
    text: str
    for_customer: bool = False
    trouble: bool = False


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Oldest first. Entries of the same moment keep the order of cause and effect."""
    return sorted(entries, key=lambda entry: entry.at)


def of_payments(history: History) -> Iterator[Entry]:
    """The entries for all payments of one reference."""
    for payment in history.payments:
        amount = payment.amount.localized()
        yield Entry(payment.created_at, _("A payment of %(amount)s was begun.") % {"amount": amount})
        if payment.attention:
            since = payment.window_ends_at if payment.attention == Attention.WINDOW_OVER else payment.created_at
            at = max([since, *(event.at for event in history.events if event.payment_id == payment.pk)])
            note = shown(payment.attention_note) or payment.get_attention_display()
            yield Entry(at, _("The payment needs an operator: %(note)s.") % {"note": note}, trouble=True)
        if payment.decided_by and payment.ended_at:
            yield Entry(payment.ended_at, _decision(payment))
    for refund in history.refunds:
        yield from _of_refund(refund)
    for dispute in history.disputes:
        yield from _of_dispute(dispute)
    for event in history.events:
        if event.refund_id is None:
            yield _of_payment_event(event)
    for callback in history.callbacks:
        yield _of_callback(callback)


def of_outcomes(events: Iterable[PaymentEvent]) -> Iterator[Entry]:
    """The entries for `payments.outcomes`: failed payments and successful refunds."""
    for event in events:
        if event.refund:
            yield from _of_refund(event.refund)
        else:
            yield _of_payment_event(event)


def _decision(payment: Payment) -> str:
    who = {"who": payment.decided_by, "why": payment.decided_why}
    if payment.received is None:
        return _("%(who)s made sure that no money had come: %(why)s.") % who
    what = {**who, "received": payment.received.localized()}
    if payment.status == Status.SUCCEEDED:
        return _("%(who)s accepted the received %(received)s: %(why)s.") % what
    return _("%(who)s refunded the received %(received)s: %(why)s.") % what


def _of_refund(refund: Refund) -> Iterator[Entry]:
    """Two moments: when it was requested, and when its outcome was known."""
    about = {"amount": refund.amount.localized(), "who": shown(refund.wanted_by), "why": shown(refund.why)}
    yield Entry(refund.created_at, _("%(who)s requested a refund of %(amount)s: %(why)s.") % about)
    if refund.attention:
        note = shown(refund.attention_note) or refund.get_attention_display()
        yield Entry(refund.created_at, _("The refund needs an operator: %(note)s.") % {"note": note}, trouble=True)
    if refund.ended_at and refund.status == RefundStatus.SUCCEEDED:
        yield Entry(refund.ended_at, _("%(amount)s was refunded.") % about, for_customer=True)
    elif refund.ended_at:
        text = _("%(amount)s could not be refunded: %(reason)s.") % {**about, "reason": shown(refund.reason)}
        yield Entry(refund.ended_at, text, trouble=True)


def _of_dispute(dispute: Dispute) -> Iterator[Entry]:
    about = {
        "amount": dispute.amount.localized(),
        "reason": dispute.reason,
        "who": dispute.answered_by,
        "why": dispute.answered_why,
    }
    opened = _("The customer disputes %(amount)s at the bank or the provider (%(reason)s).") % about
    yield Entry(dispute.opened_at, opened, trouble=True)
    if dispute.answered_by:
        yield Entry(dispute.noticed_at, _("%(who)s has answered the dispute: %(why)s.") % about)
    if dispute.ended_at and dispute.status == DisputeStatus.LOST:
        yield Entry(dispute.ended_at, _("The dispute was lost: the customer has %(amount)s.") % about, trouble=True)
    elif dispute.ended_at:
        yield Entry(dispute.ended_at, _("The dispute was won: the shop keeps %(amount)s.") % about)


def _of_payment_event(event: PaymentEvent) -> Entry:
    """Any other state than those of REACHED is a payment that failed."""
    failed = _("The payment did not go through. %(how)s")
    text = str(REACHED.get(event.target, failed)) % {"how": HOW.get(event.found_by, BY_SCHEDULE)}
    return Entry(event.at, text, for_customer=event.target not in REACHED)


def _of_callback(callback: Callback) -> Entry:
    text = _("The provider called us about the payment.")
    if callback.repeats:
        text += " " + _("(It said so %(times)s times.)") % {"times": callback.repeats + 1}
    return Entry(callback.received_at, text)
