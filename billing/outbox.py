"""The outbox: each change of a payment is a row for the shop, written in the transaction that made the change."""

import logging
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import transaction

from billing.metrics import CALLBACKS_LOST_TOTAL, PAYMENTS_TOTAL, REFUNDS_TOTAL, SETTLE_SECONDS
from billing.models import AskedBy, Payment, PaymentEvent, Refund
from billing.states import END_STATES, RefundStatus, Status
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)


def record_payment_event(payment: Payment, source: Status, found_by: AskedBy, now: datetime) -> None:
    """Record that the payment changed its state. Must run in the transaction that changed it."""
    PaymentEvent.objects.create(
        payment=payment,
        source=source,
        target=payment.status,
        raw_status=payment.raw_status,
        found_by=found_by,
        settle_after=now,
    )
    _announce(f"payment.{payment.status}", payment, payment.reason, found_by)
    transaction.on_commit(partial(_measure, payment, payment.status, found_by, now))


def record_refund_event(refund: Refund, source: RefundStatus, found_by: AskedBy, now: datetime) -> None:
    """Record that a refund of the payment changed its state. Must run in the transaction that changed it."""
    PaymentEvent.objects.create(
        payment=refund.payment,
        refund=refund,
        source=source,
        target=refund.status,
        raw_status=refund.raw_status,
        found_by=found_by,
        settle_after=now,
    )
    _announce(f"refund.{refund.status}", refund.payment, refund.reason, found_by, refund=refund.pk)
    transaction.on_commit(REFUNDS_TOTAL.labels(refund.payment.account, refund.status).inc)


def _measure(payment: Payment, status: str, found_by: AskedBy, now: datetime) -> None:
    """If polling found the success, its callback was lost or is still on its way."""
    PAYMENTS_TOTAL.labels(payment.account, status, found_by.value).inc()
    if status in END_STATES:
        SETTLE_SECONDS.labels(status, found_by.value).observe((now - payment.created_at).total_seconds())
    if status == Status.SUCCEEDED and found_by == AskedBy.SCHEDULE:
        CALLBACKS_LOST_TOTAL.labels(payment.account).inc()


def _announce(event: str, payment: Payment, reason: str, found_by: AskedBy, **refund: int) -> None:
    """Log the change after the commit, and nudge the shop."""
    fields = {"payment": payment.pk, "order": payment.reference, "found_by": found_by.value, **refund}
    fields |= {"reason": reason} if reason else {}
    transaction.on_commit(lambda: log.info(event, extra=fields))
    nudge(settings.PAYMENT_SETTLING_ACTOR)
