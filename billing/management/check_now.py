"""`payments check`: an operator requests a check of one payment, or runs it in this process and waits."""

import time
from dataclasses import dataclass

from billing.actions import CHECK_PAYMENT
from billing.explain.standing import standing
from billing.models import Payment
from billing.payments import sweep
from config.actions import do_one
from config.cli.command import os_user
from config.due.queue import database_now
from config.messaging.nudges import publisher

WAIT_S = 30.0
"""How long to wait for a worker's check of the payment, or for a provider that may not be called now."""

SEND_S = 5.0
"""Timeout for a slow broker. The sweep finds the due row without a nudge."""


@dataclass(frozen=True)
class CheckNowResult:
    """The outcome of a request to check, with a sentence for the operator."""

    payment: Payment
    done: bool
    message: str

    @property
    def line(self) -> dict[str, object]:
        """A row of the command's table."""
        return {"id": self.payment.pk, "reference": self.payment.reference, "result": self.message}


def request_check(payment: Payment) -> CheckNowResult:
    """Make the payment and its refunds due now, and nudge the workers."""
    if do_one(CHECK_PAYMENT, CHECK_PAYMENT.about(payment), os_user()):
        return CheckNowResult(payment, True, "it is due now, and the workers are nudged")
    return CheckNowResult(payment, False, f"the provider never had it: {payment.get_status_display()}")


def check_and_wait(payment: Payment) -> CheckNowResult:
    """Check in this process; if a worker is faster, wait for its result. Refunds are left to the workers."""
    requested = request_check(payment)
    if not requested.done:
        return requested
    fresh = _wait_for_answer(payment)
    if _is_pending(fresh):
        return CheckNowResult(fresh, False, " ".join(standing(fresh, database_now())))
    attention = f", an operator must act: {fresh.attention_note}" if fresh.attention else ""
    errors = f", {fresh.errors} errors in a row" if fresh.errors else ""
    return CheckNowResult(fresh, True, f"{payment.status} → {fresh.status}{errors}{attention}")


def flush_nudges() -> None:
    """Send the nudges before the process ends: their thread ends with it."""
    publisher.flush(SEND_S)


def _wait_for_answer(payment: Payment) -> Payment:
    """The payment after the check was written, here or by a worker, or after WAIT_S."""
    give_up_at = time.monotonic() + WAIT_S
    while True:
        sweep.check_one(payment.pk)
        fresh = Payment.objects.get(pk=payment.pk)
        if not _is_pending(fresh) or time.monotonic() > give_up_at:
            return fresh
        time.sleep(0.2)


def _is_pending(payment: Payment) -> bool:
    """Was a check requested that has not begun, or begun that has not ended?"""
    return bool(payment.asked_by or payment.claims)
