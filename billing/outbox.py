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


def record_event(row: Payment | Refund, source: Status | RefundStatus, found_by: AskedBy, now: datetime) -> None:
    """Record a change of state in its transaction. After the commit it is logged and counted, and the shop nudged."""
    payment, refund = (row.payment, row) if isinstance(row, Refund) else (row, None)
    PaymentEvent.objects.create(
        payment=payment,
        refund=refund,
        source=source,
        target=row.status,
        raw_status=row.raw_status,
        found_by=found_by,
        settle_after=now,
    )
    fields = {"payment": payment.pk, "found_by": found_by.value}
    fields |= ({"refund": refund.pk} if refund else {}) | ({"reason": row.reason} if row.reason else {})
    event = f"{row._meta.model_name}.{row.status}"
    transaction.on_commit(lambda: log.info(event, extra=fields))
    nudge(settings.PAYMENT_SETTLING_ACTOR)
    if refund:
        transaction.on_commit(REFUNDS_TOTAL.labels(payment.account, refund.status).inc)
    else:
        transaction.on_commit(partial(_measure, payment, payment.status, found_by, now))


def _measure(payment: Payment, status: str, found_by: AskedBy, now: datetime) -> None:
    """If polling found the success, its callback was lost or is still on its way."""
    PAYMENTS_TOTAL.labels(payment.account, status, found_by.value).inc()
    if status in END_STATES:
        SETTLE_SECONDS.labels(status, found_by.value).observe((now - payment.created_at).total_seconds())
    if status == Status.SUCCEEDED and found_by == AskedBy.SCHEDULE:
        CALLBACKS_LOST_TOTAL.labels(payment.account).inc()
