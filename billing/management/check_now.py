"""An operator's check of one payment from the command line: requested, or done here and waited for."""

import time
from dataclasses import dataclass

from django.db.models import Q

from billing.actions import CHECK_PAYMENT
from billing.explain.standing import standing
from billing.models import AskedBy, Payment
from billing.payments import sweep
from billing.payments.check import CHECK_QUEUE
from config.actions import do_one, record
from config.cli.command import os_user
from config.due.queue import database_now
from config.messaging.nudges import publisher

WAIT_S = 30.0
"""So long somebody else's look at it is waited for, or a provider that may not be called this moment."""

SEND_S = 5.0
"""Patience for a broker that is slow; the sweep finds what is due without a nudge."""


@dataclass(frozen=True)
class CheckNowResult:
    """What came of the wish to look."""

    payment: Payment
    done: bool
    said: str

    @property
    def line(self) -> dict[str, object]:
        """For a table."""
        return {"id": self.payment.pk, "reference": self.payment.reference, "what came of it": self.said}


def request_check(payment: Payment) -> CheckNowResult:
    """Make it due, and its refunds, and nudge the workers."""
    if do_one(CHECK_PAYMENT, CHECK_PAYMENT.about(payment), os_user()):
        what = "it is" if payment.is_open else "its refunds are"
        return CheckNowResult(payment, True, f"{what} due now, and the workers are nudged")
    return CheckNowResult(payment, False, f"it has come to its end: {payment.get_status_display()}")


def check_and_wait(payment: Payment) -> CheckNowResult:
    """Look in this process; where a worker is quicker, wait for what that one finds. Refunds are the workers' work."""
    if not payment.is_open:
        return request_check(payment)
    CHECK_QUEUE.make_due(Q(pk=payment.pk), AskedBy.OPERATOR)
    record(os_user(), CHECK_PAYMENT.about(payment), str(CHECK_PAYMENT.done), "")
    fresh = _wait_for_answer(payment)
    if _is_waited_for(fresh):
        return CheckNowResult(fresh, False, " ".join(standing(fresh, database_now())))
    attention = f", a person must look: {fresh.attention_note}" if fresh.attention else ""
    errors = f", {fresh.errors} errors in a row" if fresh.errors else ""
    return CheckNowResult(fresh, True, f"{payment.status} → {fresh.status}{errors}{attention}")


def flush_nudges() -> None:
    """Before the process ends: they leave through a thread that does not outlive it."""
    publisher.flush(SEND_S)


def _wait_for_answer(payment: Payment) -> Payment:
    """As it stands when the look has been written down, by whomever, or when the patience is over."""
    give_up_at = time.monotonic() + WAIT_S
    while True:
        sweep.check_one(payment.pk)
        fresh = Payment.objects.get(pk=payment.pk)
        if not _is_waited_for(fresh) or time.monotonic() > give_up_at:
            return fresh
        time.sleep(0.2)


def _is_waited_for(payment: Payment) -> bool:
    """Has somebody asked for a look that has not begun, or begun one that has not ended?"""
    return bool(payment.asked_by or payment.claims)
