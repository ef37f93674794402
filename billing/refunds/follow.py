"""Money that goes back: wanted once, sent with one key however often, followed until it is known what became of it.

`payment.refunds_minor` counts what refunds hold, open and succeeded ones, and changes only under the payment's lock
together with them. So nobody can give back more than came, and what a refund held that failed is free again.
Locks are taken in the order refund, payment.
"""

import hashlib
import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Q, prefetch_related_objects
from django.db.models.functions import Now

from billing import polling
from billing.attention import count_error, park, require_attention
from billing.errors import NotNow, ProviderError, Unavailable, is_definite_no
from billing.limits import breaker, permits
from billing.limits.pacing import longest_request_s
from billing.models import AskedBy, Attention, Payment, Refund
from billing.money import Money
from billing.outbox import record_refund_event
from billing.providers import RefundSnapshot, provider_of
from billing.providers.outcome import outcome_of
from billing.states import OPEN_REFUND_STATES, REFUND_ARROWS, RefundStatus
from config.actions import ActionRefused
from config.due.queue import Due, database_now
from config.logging import log_context
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)

PERMIT_WAIT_S = 1.0
"""So long a refund waits for its turn at the account; then it is put off."""

REFUND_QUEUE = Due(Refund, "next_check_at", lease=timedelta(seconds=3 * longest_request_s() + PERMIT_WAIT_S + 2))
"""Three requests at the most (Stripe, after a failure it has stored), and a write."""

GIVEN_UP_FROM = frozenset({Attention.KEY_FORGOTTEN, Attention.WORKERS_LOST})
"""Only where it does not find out by itself what became of it may a person say so."""


class CannotRefund(ActionRefused):
    """Nothing was given back; the message says why."""


# --- wanted ----------------------------------------------------------------------------------------------------------


def start(payment_id: int, amount: Money | None, *, wanted_by: str, why: str, key: str) -> Refund:
    """Give back so much of what came, or all that is left of it (None).

    The same key gives the same refund, whatever has become of it: a form that is sent twice gives back once. Raises
    CannotRefund if nothing came, or less than that is left, or the key belongs to something else.
    """
    with transaction.atomic(using=REFUND_QUEUE.database):
        payment = Payment.objects.select_for_update().get(pk=payment_id)
        known = Refund.objects.select_related("payment").filter(idempotency_key=key).first()
        if known is not None:
            return _same(known, payment, amount)
        refund = hold(payment, _checked(payment, amount), wanted_by, why, idempotency_key=key)
        nudge("follow_refund", refund.pk)
    log.info("refund.wanted", extra={"refund": refund.pk, "order": payment.reference, "amount": str(refund.amount)})
    return refund


def key_for(payment: Payment, rule: str) -> str:
    """The key of the one refund that a rule wants of a payment; no other installation has the same."""
    return hashlib.sha256(f"{rule}:{payment.idempotency_key}".encode()).hexdigest()[:32]


def check_now(payment: Payment, asked_by: AskedBy) -> bool:
    """Ask for a look at the open refunds of this payment; False if it has none."""
    ids = list(Refund.objects.filter(payment=payment, status__in=OPEN_REFUND_STATES).values_list("pk", flat=True))
    if ids:
        REFUND_QUEUE.make_due(Q(pk__in=ids), asked_by)
    for refund_id in ids:
        nudge("follow_refund", refund_id)
    return bool(ids)


def give_up(refund_id: int, by: str, why: str) -> Refund:
    """A person has made sure, at the provider, that it was not carried out: what it held is free again.

    Raises CannotRefund unless it is one that will not find out by itself.
    """
    with transaction.atomic(using=REFUND_QUEUE.database):
        refund = Refund.objects.select_for_update().get(pk=refund_id)
        if refund.attention not in GIVEN_UP_FROM or not refund.is_open:
            raise CannotRefund("It is still being followed, or it has ended: there is nothing to decide.")
        source = RefundStatus(refund.status)
        refund.reason = f"given up by {by}: {why}"[:200]
        refund.move(RefundStatus.FAILED)
        _end(refund)
        refund.save()
        record_refund_event(refund, source, AskedBy.OPERATOR, database_now(REFUND_QUEUE.database))
    return refund


# --- followed --------------------------------------------------------------------------------------------------------


def accounts_with_due_refunds() -> list[str]:
    """The accounts whose providers somebody should ask about a refund now."""
    due = REFUND_QUEUE.due(database_now(REFUND_QUEUE.database)).order_by("payment__account")
    return list(due.values_list("payment__account", flat=True).distinct())


def follow_due(account: str, seconds: float) -> int:
    """Follow the account's due refunds one by one, for `seconds` at the most; returns how many there were.

    Each is claimed when it is its turn: a provider that hangs takes time, and no claim runs out in a queue.
    """
    ends_at, followed = time.monotonic() + seconds, 0
    for refund in _due(Q(payment__account=account)):
        REFUND_QUEUE.work_on(refund, _follow)
        followed += 1
        if time.monotonic() >= ends_at:
            break
    return followed


def follow_one(refund_id: int) -> bool:
    """Follow this refund now; False if it is not due, or somebody is on it."""
    refund = REFUND_QUEUE.claim_one(refund_id)
    return refund is not None and REFUND_QUEUE.work_on(refund, _follow)


def _due(own: Q) -> Iterator[Refund]:
    while claimed := REFUND_QUEUE.claim_batch(1, own):
        yield claimed[0]
    while left_over := REFUND_QUEUE.claim_left_over(own):
        yield left_over


def _follow(refund: Refund) -> None:
    if refund.died_too_often and refund.attention != Attention.WORKERS_LOST:
        park(REFUND_QUEUE, refund)
    elif _is_past_repeating(refund):
        _stop_repeating(refund)
    else:
        _record(refund, _ask(refund))


def _is_past_repeating(refund: Refund) -> bool:
    return refund.is_past_repeating(database_now(REFUND_QUEUE.database), provider_of(refund.payment.account).key_kept)


def _ask(refund: Refund) -> RefundSnapshot | ProviderError:
    """Send it, again and again with the same key, until the provider has an id for it; then ask by that."""
    prefetch_related_objects([refund], "payment")
    account = refund.payment.account
    if not permits.permit(account, wait_s=PERMIT_WAIT_S, urgent=False):
        return NotNow("the account may not be called now")
    provider = provider_of(account)
    call = provider.refund_status if refund.provider_ref else provider.refund
    if not refund.provider_ref:
        Refund.objects.filter(pk=refund.pk, sent_at=None).update(sent_at=Now())
    with log_context(payment=refund.payment_id, order=refund.payment.reference):
        found = outcome_of(partial(call, refund), account)
    breaker.note(account, [found])
    return found


def _record(refund: Refund, found: RefundSnapshot | ProviderError) -> None:
    """Change the refund, if it is still held, by what was found; write the event if it followed an arrow."""
    with REFUND_QUEUE.holding(refund) as held:
        source, now = RefundStatus(held.status), database_now(REFUND_QUEUE.database)
        not_its_fault = isinstance(found, ProviderError) and permits.is_account_to_blame(held.payment.account, found)
        if isinstance(found, RefundSnapshot):
            _take_answer(held, found)
        elif not not_its_fault:
            _take_error(held, found)
        if not held.is_open:
            _end(held)
        elif isinstance(found, ProviderError):
            retry_after_s = found.retry_after_s if isinstance(found, Unavailable) else None
            put_off = REFUND_QUEUE.leave if not_its_fault else REFUND_QUEUE.put_off
            put_off(held, polling.error_wait(held, retry_after_s))
        else:
            REFUND_QUEUE.snooze(held, polling.refund_wait(held, now))
        held.save()
        if held.status != source:
            record_refund_event(held, source, AskedBy(refund.asked_by or AskedBy.SCHEDULE), now)


def _take_answer(refund: Refund, answer: RefundSnapshot) -> None:
    """Compare, then believe; its id at the provider is kept in any case, so that it is never sent again."""
    problem = _mismatch(refund, answer)
    refund.provider_ref = refund.provider_ref or answer.provider_ref
    if problem:
        return require_attention(refund, Attention.MISMATCH, problem)
    refund.raw_status, refund.reason = answer.raw_status, answer.reason
    if answer.status is None:
        return require_attention(refund, Attention.UNKNOWN_STATUS, f"the provider says {answer.raw_status!r}")
    refund.attention, refund.attention_note = Attention.NONE, ""
    if answer.status in REFUND_ARROWS[RefundStatus(refund.status)]:
        refund.move(answer.status)
    return None


def _take_error(refund: Refund, error: ProviderError) -> None:
    """Only a definite no to sending it decides anything: it never began."""
    log.warning("refund.no_answer", extra={"refund": refund.pk, "outcome": error.outcome, "error": str(error)})
    if not refund.provider_ref and is_definite_no(error):
        refund.reason = str(error)[:200]
        refund.move(RefundStatus.FAILED)
    else:
        count_error(refund, error)


def _stop_repeating(refund: Refund) -> None:
    with REFUND_QUEUE.holding(refund) as held:
        note = "whether it was carried out is not known: compare with the provider's own list"
        require_attention(held, Attention.KEY_FORGOTTEN, note)
        REFUND_QUEUE.snooze(held, timedelta(seconds=settings.ATTENTION_INTERVAL_S))
        held.save()


def _mismatch(refund: Refund, answer: RefundSnapshot) -> str | None:
    if refund.provider_ref and answer.provider_ref != refund.provider_ref:
        return "the provider answered about another refund"
    return f"the provider has {answer.amount}, we sent {refund.amount}" if answer.amount != refund.amount else None


# --- the sums --------------------------------------------------------------------------------------------------------


def hold(payment: Payment, amount: Money, wanted_by: str, why: str, **facts: object) -> Refund:
    """Write a refund and what it holds of the payment, which is locked; `facts` are what else is known of it."""
    payment.refunds_minor += amount.minor
    payment.save(update_fields=["refunds_minor"])
    row = {"amount_minor": amount.minor, "wanted_by": wanted_by[:150], "why": why[:200]}
    return Refund.objects.create(
        payment=payment, **{"next_check_at": database_now(REFUND_QUEUE.database), **row, **facts}
    )


def _checked(payment: Payment, amount: Money | None) -> Money:
    left = payment.left
    if payment.is_open or left is None:
        raise CannotRefund("No money has come with this payment, or it is not decided yet whether it is accepted.")
    wanted = amount or left
    if wanted.currency != left.currency:
        raise CannotRefund(f"What came was {left.currency}, and only that can go back.")
    if not 0 < wanted.minor <= left.minor:
        raise CannotRefund(f"{left} can be given back at the most, not {wanted}.")
    return wanted


def _same(known: Refund, payment: Payment, amount: Money | None) -> Refund:
    if known.payment_id != payment.pk or amount not in (None, known.amount):
        raise CannotRefund("This form was used already, for another refund. Please open it anew.")
    return known


def _end(refund: Refund) -> None:
    """Nothing is left to do; what did not go back is free again."""
    REFUND_QUEUE.done(refund)
    refund.ended_at = database_now(REFUND_QUEUE.database)
    refund.attention, refund.attention_note = Attention.NONE, ""
    refund.payment = Payment.objects.select_for_update().get(pk=refund.payment_id)
    if refund.status != RefundStatus.SUCCEEDED:
        refund.payment.refunds_minor -= refund.amount_minor
        refund.payment.save(update_fields=["refunds_minor"])
