"""Payments: each is checked until its outcome is known."""

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
"""Time limit for one sweep, well below the actors' time limit; the next tick continues."""

HANDED_ON = 0
"""A sweep that only distributes work has done nothing itself: the actors that get the parts record the result."""

RECONCILE_S = 120.0
"""After this time a message starts no further day. A day that takes longer than the actors' time limit must be compared
at the command line, which has no limit."""


@dramatiq.actor(**URGENT)
def check_pending_payments(account: str | None = None) -> int:
    """The sweep: hands out each account's due payments as a message of its own."""
    if account is not None:
        return sweep.check_due(account, SWEEP_S)
    for name in sweep.accounts_with_due_payments():
        nudge("check_pending_payments", name)
    return HANDED_ON


@dramatiq.actor(**URGENT)
def check_payment(payment_id: int) -> bool:
    """Check one payment now: a callback, a returning customer or an operator gave a reason."""
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
    """The sweep: handles each account's due refunds separately, so that a hung provider does not stop the others."""
    if account is not None:
        return follow.follow_due(account, SWEEP_S)
    for name in follow.accounts_with_due_refunds():
        nudge("follow_refunds", name)
    return HANDED_ON


@dramatiq.actor(**ROUTINE)
def follow_refund(refund_id: int) -> bool:
    """Follow one refund now: it is new, or a callback gave a reason."""
    return follow.follow_one(refund_id)


@dramatiq.actor(**ROUTINE)
def reconcile_payments(day: str | None = None) -> int:
    """The sweep over all ended days; or one day (like 2026-03-29, in UTC) of every account, now."""
    if day is not None:
        return _reconcile_day(day)
    compared = runs.reconcile_due(RECONCILE_S)
    if compared:
        nudge("reconcile_payments")
    return compared


def _reconcile_day(day: str) -> int:
    """A day that cannot be compared will not change with another attempt."""
    for account in settings.PAYMENT_ACCOUNTS:
        try:
            runs.reconcile(account, date.fromisoformat(day))
        except (ValueError, CannotReconcile) as error:
            log.error("reconciliation.refused", extra={"day": day[:32], "error": str(error)})
    return len(settings.PAYMENT_ACCOUNTS)
