"""The mail with the link to an order that waits for its customer to pay. An order has one at most.

Two reasons write it: the payment's page became known after the checkout had sent the customer away without it, and the
customer has not paid for PAYMENT_REMINDER_AFTER_S.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from billing.models import Advice, AskedBy, Payment, PaymentEvent
from billing.payments import service as payments
from billing.states import Status
from commerce import each_order
from commerce.mail.queue import queue_payment_link
from commerce.models import Notification, Order, OrderStatus
from commerce.order_state import ADVICE, State, state_of, with_states
from config.due import shutting_down
from config.due.queue import database_now

log = logging.getLogger(__name__)

LEAST_LEFT = timedelta(minutes=5)
"""With less time left nobody is reminded: the mail would be read when it is too late."""

BATCH = 200
"""Orders read at once; each is then reminded of in its own transaction."""


def tell_of_late_page(event: PaymentEvent, order: Order, payment: Payment) -> None:
    """Write the mail if the payment's page is known now, and was not at the checkout. Order and payment are locked."""
    is_late = event.refund_id is None and event.target == Status.PENDING and event.found_by != AskedBy.CHECKOUT
    if is_late:
        _write(order, payment, database_now(), was_late=True)


def remind_due() -> int:
    """Write the reminders that are due; returns how many. PAYMENT_REMINDER_AFTER_S is 0: none."""
    if not settings.PAYMENT_REMINDER_AFTER_S:
        return 0
    now = database_now()
    remind = partial(_remind, now=now)
    return sum(
        each_order.work_on(order_id, _unreminded(now), remind, "payment_link.failed")
        for order_id in _waiting_ids(now)
        if not shutting_down.is_set()
    )


def _waiting_ids(now: datetime) -> Iterator[int]:
    """Unreminded orders whose customer can pay now, in batches, without a lock."""
    orders, last = _unreminded(now).order_by("pk"), 0
    while found := list(orders.filter(pk__gt=last)[:BATCH]):
        last = found[-1].pk
        yield from (order.pk for order, state in with_states(found, now) if state == State.PAY)


def _unreminded(now: datetime) -> QuerySet[Order]:
    """Orders that were placed long enough ago, have time left, and had no such mail; from the index `order_due`."""
    mailed = Notification.objects.filter(order=OuterRef("pk"), kind=Notification.Kind.PAYMENT_LINK)
    return Order.objects.filter(
        ~Exists(mailed),
        status=OrderStatus.AWAITING_PAYMENT,
        expires_at__gt=now + LEAST_LEFT,
        placed_at__lte=now - timedelta(seconds=settings.PAYMENT_REMINDER_AFTER_S),
    )


def _remind(order: Order, now: datetime) -> bool:
    return _write(order, payments.latest(order.public_id), now, was_late=False)


def _write(order: Order, payment: Payment | None, now: datetime, *, was_late: bool) -> bool:
    """Queue the mail, unless the order has had one, or does not wait for its customer to pay. The order is locked."""
    had_one = order.notifications.filter(kind=Notification.Kind.PAYMENT_LINK).exists()
    if payment is None or had_one or state_of(order, payment, now) != State.PAY:
        return False
    queue_payment_link(order, was_late=was_late, advice=ADVICE.get(Advice(payment.advice), ""))
    transaction.on_commit(lambda: log.info("payment_link.queued", extra={"order": order.number, "late": was_late}))
    return True
