"""What happened to an order, in sentences that a shop assistant understands.

Everything stands in rows already: in the order, in the events and callbacks of its payments, in its mails. Here it is
put together, in six queries however long the story is; what the customer sees of it takes three. What no other row
tells is an `OrderEvent`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from billing import payments
from billing.models import AskedBy, Attention, Callback, Payment, PaymentEvent, Refund
from billing.states import RefundStatus, Status
from commerce.models import Notification, Order, OrderEvent, OrderStatus


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `for_customer`: it is also shown to whoever ordered."""

    at: datetime
    text: str
    for_customer: bool = False
    trouble: bool = False


def timeline(order: Order) -> list[Entry]:
    """The whole story, oldest first. What happened in the same moment stays in the order of cause and effect."""
    told = payments.history(order.public_id)
    entries = [
        *_of_order(order),
        *_of_payments(told),
        *_of_mails(order),
        *_of_events(order),
    ]
    return sorted(entries, key=lambda entry: entry.at)


def for_customer(order: Order) -> list[Entry]:
    """What of the story is also told to whoever ordered."""
    entries = [*_of_order(order), *_of_outcomes(order), *_of_mails(order), *_of_events(order)]
    return sorted((entry for entry in entries if entry.for_customer), key=lambda entry: entry.at)


# --- the order -------------------------------------------------------------------------------------------------------


def _of_order(order: Order) -> Iterator[Entry]:
    yield Entry(order.placed_at, _("The order was placed, and its goods were put aside."), for_customer=True)
    if order.ended_at is None:
        return
    if order.refunded_at:
        yield Entry(order.refunded_at, _("All of the money has gone back."), for_customer=True)
    if order.was_paid:
        yield Entry(order.ended_at, _("The order is paid, and can be packed."), for_customer=True)
    else:
        yield _unpaid_end(order.status, order.ended_at)


def _unpaid_end(status: str, at: datetime) -> Entry:
    if status == OrderStatus.CANCELED:
        return Entry(at, _("The order was cancelled; the goods are back on the shelf."), for_customer=True)
    return Entry(at, _("Nobody paid in time; the goods are back on the shelf."), for_customer=True)


def _of_events(order: Order) -> Iterator[Entry]:
    for event in OrderEvent.objects.filter(order=order):
        match event.kind:
            case OrderEvent.Kind.CANCEL_ASKED:
                yield Entry(event.at, _("Cancelling the order was requested."), for_customer=True)
                if event.by:
                    said = {"who": event.by, "note": event.note}
                    yield Entry(event.at, _("%(who)s cancelled it for the customer: %(note)s") % said)
            case OrderEvent.Kind.CANCELED | OrderEvent.Kind.EXPIRED:
                yield _unpaid_end(event.kind, event.at)
            case OrderEvent.Kind.DELIVERED:
                yield Entry(event.at, _("The order was delivered."), for_customer=True)
                if event.by:
                    yield Entry(event.at, _("%(who)s marked it delivered.") % {"who": event.by})
            case OrderEvent.Kind.MONEY_NOT_TAKEN:
                yield Entry(event.at, _("Money came that was not waited for; it is given back."), for_customer=True)
            case OrderEvent.Kind.DECIDED:
                yield Entry(event.at, _("%(who)s decided: %(what)s.") % {"who": event.by, "what": event.note})
            case OrderEvent.Kind.ATTENTION:
                yield Entry(event.at, _("A person must look: %(note)s.") % {"note": event.note}, trouble=True)
            case OrderEvent.Kind.LOOKED_AT:
                said = {"who": event.by, "note": event.note}
                yield Entry(event.at, _("%(who)s has looked at it: %(note)s") % said)


# --- its payments ----------------------------------------------------------------------------------------------------


def _of_payments(history: payments.History) -> Iterator[Entry]:
    for payment in history.payments:
        yield Entry(payment.created_at, _("A payment of %(amount)s was begun.") % {"amount": payment.amount})
        if payment.attention:
            since = payment.window_ends_at if payment.attention == Attention.WINDOW_OVER else payment.created_at
            at = max([since, *(event.at for event in history.events if event.payment_id == payment.pk)])
            note = payment.attention_note or payment.get_attention_display()
            yield Entry(at, _("The payment needs a person: %(note)s.") % {"note": note}, trouble=True)
        if payment.decided_by and payment.ended_at:
            yield Entry(payment.ended_at, _decision(payment))
    for refund in history.refunds:
        yield from _of_refund(refund)
    for event in history.events:
        if event.refund_id is None:
            yield _of_payment_event(event)
    for callback in history.callbacks:
        yield _of_callback(callback)


def _of_outcomes(order: Order) -> Iterator[Entry]:
    for event in payments.outcomes(order.public_id):
        if event.refund:
            yield from _of_refund(event.refund)
        else:
            yield _of_payment_event(event)


def _decision(payment: Payment) -> str:
    what = {"who": payment.decided_by, "why": payment.decided_why, "received": payment.received}
    if payment.received is None:
        return _("%(who)s made sure that no money had come: %(why)s.") % what
    if payment.status == Status.SUCCEEDED:
        return _("%(who)s accepted the %(received)s that came: %(why)s.") % what
    return _("%(who)s gave back the %(received)s that came: %(why)s.") % what


def _of_refund(refund: Refund) -> Iterator[Entry]:
    """In two moments: when it was wanted, and when it was known what became of it."""
    about = {"amount": refund.amount, "who": refund.wanted_by, "why": refund.why}
    yield Entry(refund.created_at, _("%(who)s wanted to give back %(amount)s: %(why)s.") % about)
    if refund.attention:
        note = refund.attention_note or refund.get_attention_display()
        yield Entry(refund.created_at, _("The refund needs a person: %(note)s.") % {"note": note}, trouble=True)
    if refund.ended_at and refund.status == RefundStatus.SUCCEEDED:
        yield Entry(refund.ended_at, _("%(amount)s went back.") % about, for_customer=True)
    elif refund.ended_at:
        text = _("%(amount)s could not be given back: %(reason)s.") % {**about, "reason": refund.reason}
        yield Entry(refund.ended_at, text, trouble=True)


def _of_payment_event(event: PaymentEvent) -> Entry:
    how = {"how": _how(event.found_by)}
    match event.target:
        case Status.PENDING:
            return Entry(event.at, _("The payment provider is ready for the customer to pay."))
        case Status.AUTHORIZED:
            return Entry(event.at, _("The money is held for us, but not taken yet. %(how)s") % how)
        case Status.SUCCEEDED:
            return Entry(event.at, _("The money has arrived. %(how)s") % how)
        case Status.CANCELED:
            return Entry(event.at, _("The payment was called off. %(how)s") % how)
        case Status.EXPIRED:
            return Entry(event.at, _("The time to pay was over, and the payment was closed. %(how)s") % how)
        case _failed:
            return Entry(event.at, _("The payment did not go through. %(how)s") % how, for_customer=True)


def _how(found_by: str) -> str:
    """Who made us look."""
    match found_by:
        case AskedBy.CHECKOUT:
            return _("(Seen at the checkout.)")
        case AskedBy.CALLBACK:
            return _("(Seen after the provider called us.)")
        case AskedBy.RETURN:
            return _("(Seen when the customer came back.)")
        case AskedBy.OPERATOR:
            return _("(Seen when somebody of the shop had a look.)")
        case AskedBy.CUSTOMER:
            return _("(Because the customer cancelled.)")
        case _schedule:
            return _("(Seen when we asked the provider.)")


def _of_callback(callback: Callback) -> Entry:
    text = _("The provider called us about the payment.")
    if callback.repeats:
        text += " " + _("(It said so %(times)s times.)") % {"times": callback.repeats + 1}
    return Entry(callback.received_at, text)


# --- its mails -------------------------------------------------------------------------------------------------------


def _of_mails(order: Order) -> Iterator[Entry]:
    for mail in Notification.objects.filter(order=order).defer("text", "html").order_by("pk"):
        to, to_customer = {"recipient": mail.recipient}, mail.recipient == order.email
        yield Entry(mail.queued_at, _("A mail to %(recipient)s was written.") % to)
        if mail.sent_at:
            yield Entry(mail.sent_at, _("The mail to %(recipient)s was sent.") % to, for_customer=to_customer)
        elif mail.status == Notification.Status.GIVEN_UP:
            text = _("The mail to %(recipient)s could not be sent: %(error)s.") % {**to, "error": mail.error}
            yield Entry(mail.queued_at, text, trouble=True)
