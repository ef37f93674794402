"""Payments: asked about until their outcome is known."""

import logging
from datetime import date

import dramatiq
from django.conf import settings

from actors.queues import ROUTINE, URGENT
from billing.callbacks import inbox
from billing.errors import CannotReconcile
from billing.payments import sweep
from billing.reconciliation import runs
from billing.refunds import follow
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)

SWEEP_S = 20.0
"""One working-off ends after so long; the next tick goes on. Well below the actors' time limit."""

HANDED_ON = 0
"""A sweep that only hands out has done nothing itself: whoever gets a part of it says what came of that."""

RECONCILE_S = 120.0
"""One message begins no further day after so long. A day that takes longer than the actors' time limit has to be
compared by hand, where there is none.
"""


@dramatiq.actor(**URGENT)
def check_pending_payments(account: str | None = None) -> int:
    """The sweep: every account's due payments, each in its own lane."""
    if account is not None:
        return sweep.check_due(account, SWEEP_S)
    for name in sweep.accounts_with_due_payments():
        nudge("check_pending_payments", name)
    return HANDED_ON


@dramatiq.actor(**URGENT)
def check_payment(payment_id: int) -> bool:
    """One payment, now: a callback, a returning customer or an operator gave a reason."""
    return sweep.check_one(payment_id)


@dramatiq.actor(**URGENT)
def process_payment_callback(callback_id: int) -> bool:
    """One stored callback: make its payment due."""
    return inbox.process(callback_id)


@dramatiq.actor(**URGENT)
def process_waiting_callbacks() -> int:
    """The sweep for callbacks whose nudge was lost."""
    return inbox.process_due()


@dramatiq.actor(**ROUTINE)
def follow_refunds(account: str | None = None) -> int:
    """The sweep: every account's due refunds, so that a provider that hangs holds up no other's."""
    if account is not None:
        return follow.follow_due(account, SWEEP_S)
    for name in follow.accounts_with_due_refunds():
        nudge("follow_refunds", name)
    return HANDED_ON


@dramatiq.actor(**ROUTINE)
def follow_refund(refund_id: int) -> bool:
    """One refund, now: somebody has just wanted it, or a callback gave a reason."""
    return follow.follow_one(refund_id)


@dramatiq.actor(**ROUTINE)
def reconcile_payments(day: str | None = None) -> int:
    """The sweep over the days that are over; or one day (like 2026-03-29, in UTC) of every account, now."""
    if day is not None:
        return _reconcile_day(day)
    compared = runs.reconcile_due(RECONCILE_S)
    if compared:
        nudge("reconcile_payments")
    return compared


def _reconcile_day(day: str) -> int:
    """A day that cannot be compared will not become one by trying again."""
    for account in settings.PAYMENT_ACCOUNTS:
        try:
            runs.reconcile(account, date.fromisoformat(day))
        except (ValueError, CannotReconcile) as error:
            log.error("reconciliation.refused", extra={"day": day[:32], "error": str(error)})
    return len(settings.PAYMENT_ACCOUNTS)
