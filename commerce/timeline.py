"""The history of an order, in sentences for shop staff and customers.

It is read from the order, the events and callbacks of its payments, and its mails, in seven queries; the customer's
version takes three. `OrderEvent` records what no other row does.
"""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.explain.timeline import Entry, in_order, of_outcomes, of_payments
from billing.payments import service as payments
from commerce.models import Notification, Order, OrderEvent
from config.formats.sentences import shown

Kind = OrderEvent.Kind

FOR_CUSTOMER: dict[str, object] = {
    Kind.CANCEL_ASKED: gettext_lazy("Cancellation was requested."),
    Kind.CANCELED: gettext_lazy("The order was cancelled; the goods are back on the shelf."),
    Kind.EXPIRED: gettext_lazy("The order was not paid in time; the goods are back on the shelf."),
    Kind.SENT: gettext_lazy("The order is on its way."),
    Kind.DELIVERED: gettext_lazy("The order was delivered."),
    Kind.MONEY_NOT_TAKEN: gettext_lazy("A payment came that we did not expect; it is being refunded."),
}
FOR_STAFF: dict[str, object] = {
    Kind.CANCEL_ASKED: gettext_lazy("%(who)s cancelled it for the customer: %(note)s"),
    Kind.SENT: gettext_lazy("%(who)s marked it as sent."),
    Kind.DELIVERED: gettext_lazy("%(who)s marked it delivered."),
    Kind.DECIDED: gettext_lazy("%(who)s decided: %(what)s."),
    Kind.ATTENTION: gettext_lazy("A person must look: %(note)s."),
    Kind.LOOKED_AT: gettext_lazy("%(who)s has resolved it: %(note)s"),
}


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
    text = _("The order is paid, and can be packed.") if order.was_paid else str(FOR_CUSTOMER[order.status])
    yield Entry(order.ended_at, text, for_customer=True)


def _of_events(order: Order) -> Iterator[Entry]:
    """Some events have an entry for the customer and one for staff: the latter only if staff did it."""
    for event in OrderEvent.objects.filter(order=order):
        to_customer, to_staff = FOR_CUSTOMER.get(event.kind), FOR_STAFF.get(event.kind)
        if to_customer:
            yield Entry(event.at, str(to_customer), for_customer=True)
        if to_staff and (event.by or not to_customer):
            text = str(to_staff) % {"who": event.by, "what": shown(event.note), "note": shown(event.note)}
            yield Entry(event.at, text, trouble=event.kind == Kind.ATTENTION)


# --- its mails -------------------------------------------------------------------------------------------------------


def _of_mails(order: Order) -> Iterator[Entry]:
    for mail in Notification.objects.filter(order=order).defer("text", "html").order_by("pk"):
        to, to_customer = {"recipient": mail.recipient}, mail.recipient == order.email
        yield Entry(mail.queued_at, _("A mail to %(recipient)s was written.") % to)
        if mail.sent_at:
            yield Entry(mail.sent_at, _("The mail to %(recipient)s was sent.") % to, for_customer=to_customer)
        if mail.status == Notification.Status.GIVEN_UP:  # also after it was sent, and written again
            text = _("The mail to %(recipient)s could not be sent: %(error)s.") % {**to, "error": shown(mail.error)}
            yield Entry(mail.given_up_at or mail.queued_at, text, trouble=True)
