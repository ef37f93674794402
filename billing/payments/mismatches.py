"""What an operator decides about a payment: money that does not match, and the way out of every attention.

The provider took another sum than we asked for: until an operator accepts or refunds it, the payment stays open with
the attention MISMATCH, or keeps its unpaid end state, and `payment.received` holds the sum. Of an open payment without
a usable answer the operator looks in the provider's own pages, and says what came. The verbs follow the arrows of
`billing.states`. An operator also decides when the refunds that the provider reports differ from ours.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.models import AskedBy, Attention, Payment, Refund
from billing.money import Money
from billing.outbox import record_event
from billing.payments.check import CHECK_QUEUE
from billing.refunds import service as refunds
from billing.states import Status
from config.actions import ActionRefused
from config.due.queue import database_now
from config.formats.sentences import stored

GIVEN_BACK = stored(gettext_noop("not what we asked for: given back"))


class CannotDecide(ActionRefused):
    """Nothing was changed; the message tells the operator why."""


def accept(payment_id: int, by: str, why: str) -> Payment:
    """Accept the received sum as the payment: it succeeds, and the difference stays on record.

    Raises CannotDecide if nothing was received, if it is in another currency, or if a part of it was refunded.
    """
    with _deciding(payment_id, by, why) as payment:
        received = _undecided(payment)
        if received.currency != payment.currency:
            raise _wrong_currency(payment, received)
        if payment.refunds_minor:
            raise CannotDecide(_("A part of it has been refunded already."))
        payment.move(Status.SUCCEEDED)
    return payment


def give_back(payment_id: int, by: str, why: str, key: str) -> Refund:
    """Refund all of it: the payment has failed, and the customer may try again.

    The same key gives the same refund. Raises CannotDecide if nothing was received, CannotRefund like `refunds.start`.
    """
    with transaction.atomic(using=CHECK_QUEUE.database):
        Payment.objects.select_for_update().get(pk=payment_id)
        if not Refund.objects.filter(idempotency_key=key).exists():
            with _deciding(payment_id, by, why) as payment:
                _undecided(payment)
                if payment.is_open:
                    payment.reason = GIVEN_BACK
                    payment.move(Status.FAILED)
        return refunds.start(payment_id, None, wanted_by=by, why=why, key=key)


def close(payment_id: int, by: str, why: str) -> Payment:
    """An operator has made sure, at the provider, that no money came and none will: the payment is canceled.

    Raises CannotDecide if it needs no operator, or if money was received. Money that comes anyway is found as a late
    payment.
    """
    with _deciding(payment_id, by, why) as payment:
        _waits_without_money(payment)
        payment.move(Status.CANCELED)
    return payment


def confirm(payment_id: int, by: str, why: str, came: Money) -> Payment:
    """An operator has seen in the provider's own pages that this sum came: the payment succeeds with it.

    For a payment about which the provider gives us no usable answer. Raises CannotDecide as `close`, or for another
    currency.
    """
    with _deciding(payment_id, by, why) as payment:
        _waits_without_money(payment)
        if came.currency != payment.currency:
            raise _wrong_currency(payment, came)
        if came != payment.amount:
            payment.received_minor, payment.received_currency = came.minor, came.currency
        payment.move(Status.SUCCEEDED)
    return payment


def note_difference(payment_id: int, by: str, why: str) -> Payment:
    """An operator has compared the refunds with the provider's own pages and settled the difference there.

    Our books stay as they are, and the same difference needs no operator again. Raises CannotDecide unless the payment
    has ended and its refunds differ.
    """
    with _deciding(payment_id, by, why) as payment:
        if payment.is_open or payment.attention != Attention.REFUNDS_DIFFER:
            raise CannotDecide(_("Its refunds do not differ from the provider's, or it is still being followed."))
        noted = payment.attention_note
    Payment.objects.filter(pk=payment_id, attention=Attention.NONE).update(attention_note=noted)
    return payment


@contextmanager
def _deciding(payment_id: int, by: str, why: str) -> Iterator[Payment]:
    """The locked payment. Afterwards it has ended, with a name and a reason. A check under way loses its claim."""
    with transaction.atomic(using=CHECK_QUEUE.database):
        payment = Payment.objects.select_for_update().get(pk=payment_id)
        source, now = Status(payment.status), database_now(CHECK_QUEUE.database)
        yield payment
        CHECK_QUEUE.done(payment)
        payment.attention, payment.attention_note = Attention.NONE, ""
        payment.decided_by, payment.decided_why = by[:150], why[:200]
        if payment.status != source:
            payment.end(now, AskedBy.OPERATOR)
        payment.save()
        if payment.status != source:
            record_event(payment, source, AskedBy.OPERATOR, now)


def _wrong_currency(payment: Payment, received: Money) -> CannotDecide:
    values = {
        "received": received.localized(),
        "currency": payment.currency,
        "amount": payment.amount.localized(),
    }
    return CannotDecide(_("This is %(received)s; only %(currency)s can count as %(amount)s.") % values)


def _waits_without_money(payment: Payment) -> None:
    if not payment.is_open or not payment.attention or payment.received is not None:
        raise CannotDecide(_("There is money to decide on, or it is still being followed."))


def _undecided(payment: Payment) -> Money:
    received = payment.received
    if received is None or payment.status == Status.SUCCEEDED:
        raise CannotDecide(_("No money has come that needs a decision."))
    return received
