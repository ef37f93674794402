"""Check a payment: one function asks the provider, one function changes the payment's state.

A callback, the customer's return, an operator's click and the schedule are only reasons to check. All of them end here,
and the result is written under one row lock.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

from django.db import DatabaseError, transaction
from django.utils.translation import gettext_noop

from billing import disputes, lookup, polling
from billing.attention import UNKNOWN_STATUS, note_error, require_attention
from billing.errors import NotFound, ProviderError, Refused
from billing.limits import breaker, refusals
from billing.limits.rate import longest_request_s
from billing.metrics import CHECK_LATENESS_SECONDS
from billing.models import Advice, AskedBy, Attention, Payment
from billing.outbox import record_event
from billing.providers import outcome_of, provider_of
from billing.providers.base import Capturing, Disputing, PaymentSnapshot, Provider
from billing.refunds import service as refunds
from billing.states import OPEN_STATES, PAYMENT_ARROWS, UNPAID_END_STATES, Status
from config.due.queue import Due, database_now
from config.formats.sentences import stored
from config.logging import log_context

log = logging.getLogger(__name__)

# Stored as the reason of a payment, or as the note for the operator.
CANCELED = stored(gettext_noop("the customer canceled it, but the provider keeps it open"))
NOT_IN_TIME = stored(gettext_noop("it was not paid in time, but the provider keeps it open"))
BANK_SINCE = stored(gettext_noop("since %(day)s"))
FORGOTTEN = stored(gettext_noop("the provider no longer knows it"))
OTHER_AMOUNT = stored(gettext_noop("the provider has %(theirs)s, we asked for %(ours)s"))
OTHER_REFERENCE = stored(gettext_noop("the provider has another reference"))
OTHER_PAYMENT = stored(gettext_noop("the provider answered for another payment"))

MAX_REQUESTS = 5
"""The most requests that one check makes. The lease covers them and the write.

Every provider: status, cancel when the payment window is over, status again. Stripe may need three requests to create
(a stored failure, the search for what it left, a second try) and then two more. PayPal may first wait for another
thread's access token and then fetch its own; with a capture and a status that is five.
"""

CHECK_QUEUE = Due(
    Payment,
    "next_check_at",
    lease=timedelta(seconds=MAX_REQUESTS * longest_request_s() + 2),
    pace=polling.REQUESTS_APART,
)


def calls_needed(payment: Payment, now: datetime) -> int:
    """The most provider calls that a check of this payment makes."""
    return 3 if payment.is_open and payment.is_to_be_canceled(now) else 1


@dataclass(frozen=True)
class CheckResult:
    """A payment, and the provider's answer or error. What follows from it is judged by the time of the question."""

    payment: Payment
    outcome: PaymentSnapshot | ProviderError
    asked_at: datetime


def check(payment: Payment, now: datetime) -> CheckResult:
    """Ask the provider. Raises nothing, uses no database. `now` decides whether the payment window is over."""
    if not payment.asked_by:
        lateness = (now - payment.due_since).total_seconds()
        CHECK_LATENESS_SECONDS.labels(polling.track(now - payment.created_at)).observe(max(0.0, lateness))
    with log_context(payment=payment.pk):
        return CheckResult(payment, outcome_of(partial(_ask, payment, now), payment.account), now)


def record(results: Sequence[CheckResult]) -> None:
    """Write the results of those payments whose claim still holds.

    Results without a change are written in one statement. If one of the others cannot be written, the rest still is.
    The account's breaker is updated first: an error of the account does not count as an attempt of the payment.
    """
    for account in {result.payment.account for result in results}:
        of_account = [result for result in results if result.payment.account == account]
        breaker.note(account, [result.outcome for result in of_account])
        refusals.note(account, [result.outcome for result in of_account if not result.payment.provider_ref])
    now = database_now(CHECK_QUEUE.database)
    unchanged: list[CheckResult] = []
    changed: list[CheckResult] = []
    for result in results:
        (unchanged if _is_unchanged(result) else changed).append(result)
    if unchanged:
        next_checks = [
            polling.next_check(each.payment, each.payment.due_since, each.asked_at, now) for each in unchanged
        ]
        CHECK_QUEUE.snooze_all([each.payment for each in unchanged], next_checks)
    if changed:
        _record_changes(changed)


def _ask(payment: Payment, now: datetime) -> PaymentSnapshot:
    """Create the payment if the provider may not know it, else read it. Capture it, or cancel it after its window."""
    provider = provider_of(payment.account)
    answer = provider.status(payment.provider_ref) if payment.provider_ref else provider.create(payment)
    if not payment.is_open:
        return _with_disputes(provider, answer)
    if answer.status not in OPEN_STATES or answer.is_working:
        return answer
    if isinstance(provider, Capturing) and answer.status == Status.AUTHORIZED and not _mismatch(payment, answer):
        if _may_be_captured(payment, answer):
            return provider.capture(answer, _capture_key(payment, answer))
        answer = _with_decline(payment, answer)
    if not payment.is_to_be_canceled(now):
        return answer
    lapses = answer.status == Status.PENDING and provider.lapse is not None  # it refuses to cancel unpaid ones
    return answer if lapses else _cancel(payment, answer)


def _may_be_captured(payment: Payment, answer: PaymentSnapshot) -> bool:
    """An approval that the customer gave in time counts, even if we come late. One that was declined needs another."""
    in_time = answer.approved_at is None or answer.approved_at <= payment.window_ends_at
    return payment.cancel_asked_at is None and in_time and not _was_declined(payment, answer)


def _was_declined(payment: Payment, answer: PaymentSnapshot) -> bool:
    return payment.declined_approval != "" and answer.approval == payment.declined_approval


def _with_decline(payment: Payment, answer: PaymentSnapshot) -> PaymentSnapshot:
    """Approved, and its capture was declined: the customer must choose again, so it is pending."""
    if not _was_declined(payment, answer):
        return answer
    return replace(answer, status=Status.PENDING, reason=payment.reason, advice=Advice(payment.advice))


def _capture_key(payment: Payment, answer: PaymentSnapshot) -> str:
    """One key for each approval after a decline: under the old key the provider would repeat its refusal."""
    again = f"-{sha256(answer.approval.encode()).hexdigest()[:16]}" if payment.declined_approval else ""
    return f"{payment.idempotency_key}-capture{again}"


def _with_disputes(provider: Provider, answer: PaymentSnapshot) -> PaymentSnapshot:
    if not (answer.is_disputed and isinstance(provider, Disputing)):
        return answer
    return replace(answer, disputes=tuple(provider.disputes_of(answer)))


def _cancel(payment: Payment, answer: PaymentSnapshot) -> PaymentSnapshot:
    """Cancel: it expired, unless the customer asked for it. If the provider refuses, money may just have come."""
    provider = provider_of(payment.account)
    try:
        canceled = provider.cancel(answer.provider_ref)
    except Refused:
        return provider.status(answer.provider_ref)
    by_time = canceled.status == Status.CANCELED and payment.cancel_asked_at is None
    return replace(canceled, status=Status.EXPIRED) if by_time else canceled


def _is_unchanged(result: CheckResult) -> bool:
    payment, answer = result.payment, result.outcome
    return (
        isinstance(answer, PaymentSnapshot)
        and payment.is_open
        and not payment.is_to_be_canceled(result.asked_at)
        and not payment.attention
        and payment.returned_at is None
        and answer.status == payment.status
        and answer.provider_ref == payment.provider_ref
        and (answer.reason, answer.advice) == (payment.reason, payment.advice)
        and answer.declined_approval in ("", payment.declined_approval)
        and not answer.is_working
        and payment.working_since is None
        and _mismatch(payment, answer) is None
    )


def _record_changes(results: Sequence[CheckResult]) -> None:
    try:
        with transaction.atomic(using=CHECK_QUEUE.database):
            _record_locked(results)
    except DatabaseError:
        if len(results) == 1:
            log.exception("payment.not_recorded", extra={"payment": results[0].payment.pk})
            return
        for single in results:
            _record_changes([single])


def _record_locked(results: Sequence[CheckResult]) -> None:
    result_of = {result.payment.pk: result for result in results}
    held = CHECK_QUEUE.lock_held([result.payment for result in results])
    for payment in held:
        _apply(payment, result_of[payment.pk])
    if len(held) < len(results):
        log.info("claim.lost", extra={"rows": len(results) - len(held)})
        CHECK_QUEUE.count("claim_lost", len(results) - len(held))


def _apply(payment: Payment, result: CheckResult) -> None:
    """Apply the result to the locked payment. Write an event if its state changed."""
    source, now = Status(payment.status), database_now(CHECK_QUEUE.database)
    asked_by, asked_at = AskedBy(result.payment.asked_by or AskedBy.SCHEDULE), result.asked_at
    if isinstance(result.outcome, PaymentSnapshot):
        should_have_ended = result.payment.is_to_be_canceled(asked_at) and not _may_lapse_yet(payment, asked_at)
        _apply_answer(payment, result.outcome, asked_at, should_have_ended)
        if not payment.is_open:
            _leave_ended(payment)
        else:
            CHECK_QUEUE.snooze(payment, polling.next_check(payment, result.payment.due_since, asked_at, now) - now)
    elif _is_forgotten(payment, result.outcome, asked_at):
        payment.reason = FORGOTTEN
        payment.move(Status.EXPIRED)
        _leave_ended(payment)
    else:
        unsent = payment.status == Status.CREATED
        note_error(CHECK_QUEUE, payment, payment.account, result.outcome, unsent=unsent)
    if payment.status != source and not payment.is_open:
        payment.end(now, asked_by)
    payment.save()
    if payment.status != source:
        record_event(payment, source, asked_by, now)
    if isinstance(result.outcome, PaymentSnapshot):
        _note_parts(payment, result.outcome)


def _leave_ended(payment: Payment) -> None:
    """Nothing is left to ask, unless somebody asked for a check while this one was under way."""
    if payment.asked_by:
        CHECK_QUEUE.snooze(payment, timedelta(0))
    else:
        CHECK_QUEUE.done(payment)


def _note_parts(payment: Payment, answer: PaymentSnapshot) -> None:
    """What belongs to the payment: its further ids, and what happens to the money that came with it."""
    if payment.provider_ref == answer.provider_ref:
        lookup.remember(payment, answer.refs)
    if not payment.is_open and payment.received is not None:  # also of a wrong sum that was given back
        refunds.notice_held(payment, answer.refunded_minor)
        disputes.notice_held(payment, answer.disputes)


def _apply_answer(payment: Payment, answer: PaymentSnapshot, asked_at: datetime, should_have_ended: bool) -> None:
    """Compare, then accept. Money that does not match the payment needs an operator; it does not pay the order."""
    if payment.returned_at is not None and payment.returned_at <= asked_at:
        payment.returned_at = None
    if _is_decided(payment, answer):
        return None
    problem = _mismatch(payment, answer)
    if problem:
        return _note_mismatch(payment, answer, problem)
    if answer.status == Status.SUCCEEDED or not _is_kept(payment):
        payment.received_minor, payment.received_currency = None, ""
    payment.provider_ref, payment.raw_status, payment.reason = answer.provider_ref, answer.raw_status, answer.reason
    payment.pay_url, payment.advice = answer.pay_url or payment.pay_url, answer.advice
    payment.declined_approval = answer.declined_approval or payment.declined_approval
    if answer.status is None:
        return require_attention(
            payment, Attention.UNKNOWN_STATUS, UNKNOWN_STATUS % {"status": repr(answer.raw_status)}
        )
    if answer.status in PAYMENT_ARROWS[Status(payment.status)]:
        payment.move(answer.status)
    elif payment.status == Status.SUCCEEDED and answer.status != Status.SUCCEEDED:
        log.error("payment.contradiction", extra={"payment": payment.pk, "theirs": answer.status.value})
    payment.working_since = (payment.working_since or asked_at) if payment.is_open and answer.is_working else None
    if payment.is_open and should_have_ended and not payment.working_since:
        return require_attention(payment, Attention.WINDOW_OVER, CANCELED if payment.cancel_asked_at else NOT_IN_TIME)
    if payment.is_open and _is_bank_slow(payment, asked_at):
        return require_attention(
            payment, Attention.BANK_SLOW, BANK_SINCE % {"day": f"{payment.working_since:%Y-%m-%d}"}
        )
    if payment.attention not in (Attention.NONE, Attention.REFUNDS_DIFFER):
        payment.attention, payment.attention_note = Attention.NONE, ""
    return None


def _is_bank_slow(payment: Payment, asked_at: datetime) -> bool:
    longest = provider_of(payment.account).bank_longest
    return payment.working_since is not None and asked_at - payment.working_since > longest


def _is_forgotten(payment: Payment, outcome: ProviderError, asked_at: datetime) -> bool:
    """Does the provider no longer know an unpaid payment, after the time for which it keeps one? No money was seen."""
    unpaid = payment.status == Status.PENDING and payment.received is None and payment.working_since is None
    if not isinstance(outcome, NotFound) or not unpaid:
        return False
    forgets = provider_of(payment.account).forgets
    return forgets is not None and asked_at >= payment.created_at + forgets


def _may_lapse_yet(payment: Payment, now: datetime) -> bool:
    """Does the provider still have time to end it by itself?"""
    lapse = provider_of(payment.account).lapse
    return lapse is not None and now < payment.created_at + lapse


def _is_decided(payment: Payment, answer: PaymentSnapshot) -> bool:
    """Is this the received money that an operator has accepted, has refunded or has yet to decide on?"""
    decided = not payment.is_open and payment.received_minor is not None
    return decided and answer.status == Status.SUCCEEDED and answer.amount == payment.received


def _is_kept(payment: Payment) -> bool:
    """Was the received money accepted or refunded? Then only a different sum changes the record, not a status alone."""
    return payment.status == Status.SUCCEEDED or payment.refunds_minor > 0


def _note_mismatch(payment: Payment, answer: PaymentSnapshot, problem: str) -> None:
    """Accept nothing, but note the sum that was taken, so that an operator can accept or refund it."""
    same = payment.provider_ref in ("", answer.provider_ref)
    if answer.status == Status.SUCCEEDED and same and not _is_kept(payment):
        payment.provider_ref = answer.provider_ref
        payment.received_minor, payment.received_currency = answer.amount.minor, answer.amount.currency
    require_attention(payment, Attention.MISMATCH, problem)


def _mismatch(payment: Payment, answer: PaymentSnapshot) -> str | None:
    """How the provider's payment differs from ours, if it does. One that ended unpaid holds no money to compare."""
    if answer.amount != payment.amount and answer.status not in UNPAID_END_STATES:
        return OTHER_AMOUNT % {"theirs": answer.amount, "ours": payment.amount}
    if answer.reference != payment.reference:
        return OTHER_REFERENCE
    if payment.provider_ref and answer.provider_ref != payment.provider_ref:
        return OTHER_PAYMENT
    return None
