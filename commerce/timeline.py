"""The history of an order, in sentences for shop staff and customers.

It is read from the order, the events and callbacks of its payments, and its mails, in six queries; the customer's
version takes three. `OrderEvent` records what no other row does.
"""

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from billing.explain.timeline import Entry, in_order, of_outcomes, of_payments
from billing.payments import service as payments
from commerce.models import Notification, Order, OrderEvent, OrderStatus


def timeline(order: Order) -> list[Entry]:
    """The whole history, oldest first."""
    history = payments.history(order.public_id)
    return in_order([*_of_order(order), *of_payments(history), *_of_mails(order), *_of_events(order)])


def for_customer(order: Order) -> list[Entry]:
    """The entries that the customer sees."""
    outcomes = of_outcomes(payments.outcomes(order.public_id))
    entries = [*_of_order(order), *outcomes, *_of_mails(order), *_of_events(order)]
    return in_order(entry for entry in entries if entry.for_customer)


# --- the order -------------------------------------------------------------------------------------------------------


def _of_order(order: Order) -> Iterator[Entry]:
    yield Entry(order.placed_at, _("The order was placed, and its goods were reserved."), for_customer=True)
    if order.ended_at is None:
        return
    if order.refunded_at:
        yield Entry(order.refunded_at, _("All of the money was refunded."), for_customer=True)
    if order.was_paid:
        yield Entry(order.ended_at, _("The order is paid, and can be packed."), for_customer=True)
    else:
        yield _unpaid_end(order.status, order.ended_at)


def _unpaid_end(status: str, at: datetime) -> Entry:
    if status == OrderStatus.CANCELED:
        return Entry(at, _("The order was cancelled; the goods are back on the shelf."), for_customer=True)
    return Entry(at, _("The order was not paid in time; the goods are back on the shelf."), for_customer=True)


def _of_events(order: Order) -> Iterator[Entry]:
    for event in OrderEvent.objects.filter(order=order):
        match event.kind:
            case OrderEvent.Kind.CANCEL_ASKED:
                yield Entry(event.at, _("Cancellation was requested."), for_customer=True)
                if event.by:
                    facts = {"who": event.by, "note": event.note}
                    yield Entry(event.at, _("%(who)s cancelled it for the customer: %(note)s") % facts)
            case OrderEvent.Kind.CANCELED | OrderEvent.Kind.EXPIRED:
                yield _unpaid_end(event.kind, event.at)
            case OrderEvent.Kind.DELIVERED:
                yield Entry(event.at, _("The order was delivered."), for_customer=True)
                if event.by:
                    yield Entry(event.at, _("%(who)s marked it delivered.") % {"who": event.by})
            case OrderEvent.Kind.MONEY_NOT_TAKEN:
                yield Entry(
                    event.at, _("A payment came that we did not expect; it is being refunded."), for_customer=True
                )
            case OrderEvent.Kind.DECIDED:
                yield Entry(event.at, _("%(who)s decided: %(what)s.") % {"who": event.by, "what": event.note})
            case OrderEvent.Kind.ATTENTION:
                yield Entry(event.at, _("A person must look: %(note)s.") % {"note": event.note}, trouble=True)
            case OrderEvent.Kind.LOOKED_AT:
                facts = {"who": event.by, "note": event.note}
                yield Entry(event.at, _("%(who)s has resolved it: %(note)s") % facts)


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
