"""One look at a payment: the one function that asks the provider, and the one function that moves money states.

A callback, the customer's return, an operator's click and the schedule are all the same thing: a reason to look. They
all end here, and what they find is written under one row lock.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from django.db import DatabaseError, transaction

from billing import polling
from billing.attention import count_error, require_attention
from billing.errors import ProviderError, Refused, Unavailable, is_definite_no
from billing.limits import breaker, permits
from billing.limits.pacing import longest_request_s
from billing.metrics import CHECK_LATENESS_SECONDS
from billing.models import AskedBy, Attention, Payment
from billing.outbox import record_payment_event
from billing.providers import Capturing, PaymentSnapshot, provider_of
from billing.providers.outcome import outcome_of
from billing.refunds import external as external_refunds
from billing.states import OPEN_STATES, PAYMENT_ARROWS, UNPAID_END_STATES, Status
from config.due.queue import Due, database_now
from config.logging import log_context

log = logging.getLogger(__name__)

MAX_REQUESTS = 5
"""A look makes so many requests at the most, and then writes.

Everywhere status, cancel when the window is over, and status again. Stripe may need three to create (a kept failure,
the search for what it left behind, a second try) before the last two. PayPal needs two before all of it: the wait for
another thread's access token, and one's own fetch if that was in vain; with a capture and a status it stays at five.
"""

CHECK_QUEUE = Due(Payment, "next_check_at", lease=timedelta(seconds=MAX_REQUESTS * longest_request_s() + 2))


def calls_needed(payment: Payment, now: datetime) -> int:
    """So many calls a look at this payment makes at the most."""
    return 3 if payment.is_to_be_canceled(now) else 1


@dataclass(frozen=True)
class CheckResult:
    """A claimed payment, and what the provider said of it."""

    payment: Payment
    outcome: PaymentSnapshot | ProviderError


def check(payment: Payment, now: datetime) -> CheckResult:
    """Ask the provider; raises nothing, touches no database. `now` decides whether the time to pay is over."""
    if not payment.asked_by:
        lateness = (now - payment.due_since).total_seconds()
        CHECK_LATENESS_SECONDS.labels(polling.track(now - payment.created_at)).observe(max(0.0, lateness))
    with log_context(payment=payment.pk, order=payment.reference):
        return CheckResult(payment, outcome_of(partial(_ask, payment, now), payment.account))


def record(looks: Sequence[CheckResult]) -> None:
    """Write down what was found, for as many payments as are still held; the others changed hands meanwhile.

    Answers that bring nothing new are written in one statement. If one of the others cannot be written, the rest is.
    What all of them say of their account comes first: an error that is its fault costs a payment no attempt.
    """
    for account in {look.payment.account for look in looks}:
        breaker.note(account, [look.outcome for look in looks if look.payment.account == account])
    now = database_now(CHECK_QUEUE.database)
    quiet = [look.payment for look in looks if _has_no_news(look, now)]
    if quiet:
        CHECK_QUEUE.snooze_all(quiet, [polling.next_check(payment, payment.due_since, now) for payment in quiet])
    if len(quiet) < len(looks):
        _record_news([look for look in looks if look.payment not in quiet])


# --- asking ----------------------------------------------------------------------------------------------------------


def _ask(payment: Payment, now: datetime) -> PaymentSnapshot:
    """Create it if the provider may not know it, else ask; then do what is ours to do about a payment that is open."""
    provider = provider_of(payment.account)
    answer = provider.status(payment.provider_ref) if payment.provider_ref else provider.create(payment)
    if not payment.is_open or answer.status not in OPEN_STATES:
        return answer
    if not payment.is_to_be_canceled(now):
        return _take(payment, answer)
    return answer if _will_lapse(payment, answer) else _cancel(payment, answer)


def _take(payment: Payment, answer: PaymentSnapshot) -> PaymentSnapshot:
    """The customer has agreed: where the money moves only when we say so, say so, if all is as we asked for."""
    provider = provider_of(payment.account)
    if not isinstance(provider, Capturing) or answer.status != Status.AUTHORIZED or _mismatch(payment, answer):
        return answer
    return provider.capture(answer.provider_ref, payment.idempotency_key)


def _will_lapse(payment: Payment, answer: PaymentSnapshot) -> bool:
    """Is it one that nobody has paid, at a provider that ends those by itself and lets nobody cancel them?"""
    return answer.status == Status.PENDING and provider_of(payment.account).lapse is not None


def _cancel(payment: Payment, answer: PaymentSnapshot) -> PaymentSnapshot:
    """Cancelled by us because nobody paid in time means expired; because the customer asked for it, cancelled.

    Where the provider refuses, the customer may have paid between our two calls: ask once more.
    """
    provider = provider_of(payment.account)
    try:
        cancelled = provider.cancel(answer.provider_ref)
    except Refused:
        return provider.status(answer.provider_ref)
    by_time = cancelled.status == Status.CANCELED and payment.cancel_asked_at is None
    return replace(cancelled, status=Status.EXPIRED) if by_time else cancelled


# --- writing ---------------------------------------------------------------------------------------------------------


def _has_no_news(look: CheckResult, now: datetime) -> bool:
    payment, answer = look.payment, look.outcome
    return (
        isinstance(answer, PaymentSnapshot)
        and payment.is_open
        and not payment.is_to_be_canceled(now)
        and not payment.attention
        and answer.status == payment.status
        and answer.provider_ref == payment.provider_ref
        and _mismatch(payment, answer) is None
    )


def _record_news(looks: Sequence[CheckResult]) -> None:
    try:
        with transaction.atomic(using=CHECK_QUEUE.database):
            _record_locked(looks)
    except DatabaseError:
        if len(looks) == 1:
            log.exception("payment.not_recorded", extra={"payment": looks[0].payment.pk})
            return
        for single in looks:
            _record_news([single])


def _record_locked(looks: Sequence[CheckResult]) -> None:
    found = {look.payment.pk: look for look in looks}
    fresh = CHECK_QUEUE.lock_held([look.payment for look in looks])
    for payment in fresh:
        _write(payment, found[payment.pk])
    if len(fresh) < len(looks):
        log.info("claim.lost", extra={"rows": len(looks) - len(fresh)})
        CHECK_QUEUE.count("claim_lost", len(looks) - len(fresh))


def _write(payment: Payment, look: CheckResult) -> None:
    """Change the locked payment by what was found; write the event if it followed an arrow."""
    source, now = Status(payment.status), database_now(CHECK_QUEUE.database)
    asked_by = AskedBy(look.payment.asked_by or AskedBy.SCHEDULE)
    if isinstance(look.outcome, PaymentSnapshot):
        should_have_ended = look.payment.is_to_be_canceled(now) and not _may_lapse_yet(payment, now)
        _take_answer(payment, look.outcome, should_have_ended)
    elif not permits.is_account_to_blame(payment.account, look.outcome):
        _take_error(payment, look.outcome)
    if payment.is_open:
        _book_next_check(payment, look, now)
    elif payment.status != source:
        CHECK_QUEUE.done(payment)
        payment.ended_at, payment.found_by, payment.attention, payment.attention_note = now, asked_by, "", ""
    payment.save()
    if payment.status != source:
        record_payment_event(payment, source, asked_by, now)
    if payment.status == Status.SUCCEEDED and isinstance(look.outcome, PaymentSnapshot):
        external_refunds.notice_held(payment, look.outcome.refunded_minor)


def _take_answer(payment: Payment, answer: PaymentSnapshot, should_have_ended: bool) -> None:
    """Compare, then believe: money that is not what we asked for is a case for a person, not a paid order."""
    if _is_decided(payment, answer):
        return None
    problem = _mismatch(payment, answer)
    if problem:
        return _take_mismatch(payment, answer, problem)
    if answer.status == Status.SUCCEEDED or not _is_kept(payment):
        payment.received_minor, payment.received_currency = None, ""
    payment.provider_ref, payment.raw_status, payment.reason = answer.provider_ref, answer.raw_status, answer.reason
    payment.pay_url = answer.pay_url or payment.pay_url
    if answer.status is None:
        return require_attention(payment, Attention.UNKNOWN_STATUS, f"the provider says {answer.raw_status!r}")
    payment.attention, payment.attention_note = Attention.NONE, ""
    if answer.status in PAYMENT_ARROWS[Status(payment.status)]:
        payment.move(answer.status)
    elif payment.status == Status.SUCCEEDED and answer.status != Status.SUCCEEDED:
        log.error("payment.contradiction", extra={"payment": payment.pk, "theirs": answer.status.value})
    if payment.is_open and should_have_ended:
        why = "the customer called it off" if payment.cancel_asked_at else "nobody paid in time"
        require_attention(payment, Attention.WINDOW_OVER, f"{why}, and the provider did not agree")
    return None


def _may_lapse_yet(payment: Payment, now: datetime) -> bool:
    """Does its provider still have time to end it by itself?"""
    lapse = provider_of(payment.account).lapse
    return lapse is not None and now < payment.created_at + lapse


def _is_decided(payment: Payment, answer: PaymentSnapshot) -> bool:
    """Is it the money that a person has accepted, or given back, or has yet to decide on?"""
    decided = not payment.is_open and payment.received_minor is not None
    return decided and answer.status == Status.SUCCEEDED and answer.amount == payment.received


def _is_kept(payment: Payment) -> bool:
    """Does what came count, or go back? Then only other money changes what we know of it, and no mere word."""
    return payment.status == Status.SUCCEEDED or payment.refunds_minor > 0


def _take_mismatch(payment: Payment, answer: PaymentSnapshot, problem: str) -> None:
    """Nothing of it is believed; but what was taken is noted, so that a person may accept it or give it back."""
    same = payment.provider_ref in ("", answer.provider_ref)
    if answer.status == Status.SUCCEEDED and same and not _is_kept(payment):
        payment.provider_ref = answer.provider_ref
        payment.received_minor, payment.received_currency = answer.amount.minor, answer.amount.currency
    require_attention(payment, Attention.MISMATCH, problem)


def _take_error(payment: Payment, error: ProviderError) -> None:
    """An error never decides about money; only a definite no to creating a payment ends one that never began."""
    log.warning("payment.no_answer", extra={"payment": payment.pk, "outcome": error.outcome, "error": str(error)})
    if not payment.is_open:
        return
    if payment.status == Status.CREATED and is_definite_no(error):
        payment.reason = str(error)[:200]
        payment.move(Status.FAILED)
    else:
        count_error(payment, error)


def _book_next_check(payment: Payment, look: CheckResult, now: datetime) -> None:
    if isinstance(look.outcome, ProviderError):
        retry_after_s = look.outcome.retry_after_s if isinstance(look.outcome, Unavailable) else None
        put_off = (
            CHECK_QUEUE.leave if permits.is_account_to_blame(payment.account, look.outcome) else CHECK_QUEUE.put_off
        )
        put_off(payment, polling.error_wait(payment, retry_after_s))
    else:
        CHECK_QUEUE.snooze(payment, polling.next_check(payment, look.payment.due_since, now) - now)


def _mismatch(payment: Payment, answer: PaymentSnapshot) -> str | None:
    """What the provider's payment has that ours has not; None if they are the same.

    One that ended unpaid has no money in it, so its amount does not matter.
    """
    if answer.amount != payment.amount and answer.status not in UNPAID_END_STATES:
        return f"the provider has {answer.amount}, we asked for {payment.amount}"
    if answer.reference != payment.reference:
        return "the provider has another reference"
    if payment.provider_ref and answer.provider_ref != payment.provider_ref:
        return "the provider answered about another payment"
    return None
