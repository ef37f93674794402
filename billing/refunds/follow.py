"""Follow refunds: send each with one idempotency key, repeat until it is accepted, check until its outcome is known."""

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db.models import Q, prefetch_related_objects
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from billing import lookup, polling
from billing.attention import UNKNOWN_STATUS, note_error, park, require_attention, withdraw_attention
from billing.errors import NotNow, ProviderError
from billing.limits import breaker, permits
from billing.limits.rate import longest_request_s
from billing.models import AskedBy, Attention, Payment, Refund
from billing.outbox import record_event
from billing.providers import outcome_of, provider_of
from billing.providers.base import RefundSnapshot
from billing.states import REFUND_ARROWS, RefundStatus
from config.due.queue import Due, database_now
from config.formats.sentences import stored
from config.logging import log_context

log = logging.getLogger(__name__)

# Notes for the operator.
MAY_BE_DONE = stored(gettext_noop("it is not known whether it was carried out: compare with the provider's own list"))
OTHER_REFUND = stored(gettext_noop("the provider answered for another refund"))
OTHER_AMOUNT = stored(gettext_noop("the provider has %(theirs)s, we sent %(ours)s"))

PERMIT_WAIT_S = 1.0
"""How long a refund waits for its slot at the account; then it is put off."""

REFUND_QUEUE = Due(
    Refund,
    "next_check_at",
    lease=timedelta(seconds=3 * longest_request_s() + PERMIT_WAIT_S + 2),
    pace=polling.REQUESTS_APART,
)
"""The lease covers three requests (Stripe, after a stored failure) and a write."""


def accounts_with_due_refunds() -> list[str]:
    due = REFUND_QUEUE.due(database_now(REFUND_QUEUE.database)).order_by("payment__account")
    return list(due.values_list("payment__account", flat=True).distinct())


def follow_due(account: str, seconds: float) -> int:
    """Follow the account's due refunds for up to `seconds`; returns how many. Each is claimed when its turn comes."""
    ends_at, followed = time.monotonic() + seconds, 0
    for refund in _due(Q(payment__account=account)):
        REFUND_QUEUE.work_on(refund, _follow)
        followed += 1
        if time.monotonic() >= ends_at:
            break
    return followed


def follow_one(refund_id: int) -> bool:
    """Follow this refund now; False if it is not due, or another worker has claimed it."""
    refund = REFUND_QUEUE.claim_one(refund_id)
    return refund is not None and REFUND_QUEUE.work_on(refund, _follow)


def end(refund: Refund) -> None:
    """Nothing is left to do. Unless the refund succeeded, the money it held is free again."""
    REFUND_QUEUE.done(refund)
    refund.ended_at = database_now(REFUND_QUEUE.database)
    refund.attention, refund.attention_note = Attention.NONE, ""
    refund.payment = Payment.objects.select_for_update().get(pk=refund.payment_id)
    if refund.status != RefundStatus.SUCCEEDED:
        refund.payment.refunds_minor -= refund.amount_minor
        refund.payment.save(update_fields=["refunds_minor"])


def _due(own: Q) -> Iterator[Refund]:
    while claimed := REFUND_QUEUE.claim_batch(1, own):
        yield claimed[0]
    while left_over := REFUND_QUEUE.claim_left_over(own):
        yield left_over


def _follow(refund: Refund) -> None:
    if refund.died_too_often and refund.attention != Attention.WORKERS_LOST:
        park(REFUND_QUEUE, refund)
    elif refund.is_past_repeating(database_now(REFUND_QUEUE.database), provider_of(refund.payment.account).key_kept):
        _stop_repeating(refund)
    else:
        _record(refund, _ask(refund))


def _ask(refund: Refund) -> RefundSnapshot | ProviderError:
    """Send the refund, with the same key each time, until the provider returns an id; then read it by that id."""
    prefetch_related_objects([refund], "payment")
    account = refund.payment.account
    if not permits.permit(account, wait_s=PERMIT_WAIT_S, urgent=False):
        return NotNow("the account may not be called now")
    provider = provider_of(account)
    call = provider.refund_status if refund.provider_ref else provider.refund
    if not refund.provider_ref:
        Refund.objects.filter(pk=refund.pk, sent_at=None).update(sent_at=Now())
    with log_context(payment=refund.payment_id):
        outcome = outcome_of(partial(call, refund), account)
    breaker.note(account, [outcome])
    return outcome


def _record(refund: Refund, outcome: RefundSnapshot | ProviderError) -> None:
    """Apply the outcome if the claim still holds. Write an event if the refund changed its state."""
    with REFUND_QUEUE.holding(refund) as held:
        source, now = RefundStatus(held.status), database_now(REFUND_QUEUE.database)
        if isinstance(outcome, RefundSnapshot):
            _apply_answer(held, outcome)
            if held.is_open:
                REFUND_QUEUE.snooze(held, polling.refund_wait(held, now))
            else:
                REFUND_QUEUE.done(held)
        else:
            note_error(REFUND_QUEUE, held, held.payment.account, outcome, unsent=not held.provider_ref)
        if held.status != source and not held.is_open:
            end(held)
            _note_returned(held, source)
        held.save()
        lookup.remember(held.payment, [held.provider_ref])
        if held.status != source:
            record_event(held, source, AskedBy(refund.asked_by or AskedBy.SCHEDULE), now)


def _apply_answer(refund: Refund, answer: RefundSnapshot) -> None:
    """Compare, then accept. The provider's id is kept in any case, so that the refund is never sent again."""
    problem = _mismatch(refund, answer)
    refund.provider_ref = refund.provider_ref or answer.provider_ref
    if problem:
        return require_attention(refund, Attention.MISMATCH, problem)
    refund.raw_status, refund.reason = answer.raw_status, answer.reason
    if answer.status is None:
        return require_attention(refund, Attention.UNKNOWN_STATUS, UNKNOWN_STATUS % {"status": repr(answer.raw_status)})
    if refund.attention != Attention.RETURNED:
        refund.attention, refund.attention_note = Attention.NONE, ""
    if answer.status in REFUND_ARROWS[RefundStatus(refund.status)]:
        refund.move(answer.status)
    return None


def _note_returned(refund: Refund, source: RefundStatus) -> None:
    """The bank returned a refund that had succeeded: the shop has the money, and the customer must get it otherwise."""
    if source == RefundStatus.SUCCEEDED:
        require_attention(refund, Attention.RETURNED, refund.reason or refund.raw_status)
        withdraw_attention(refund.payment, Attention.REFUNDS_DIFFER)  # this was the difference


def _stop_repeating(refund: Refund) -> None:
    with REFUND_QUEUE.holding(refund) as held:
        require_attention(held, Attention.KEY_FORGOTTEN, MAY_BE_DONE)
        REFUND_QUEUE.snooze(held, timedelta(seconds=settings.ATTENTION_INTERVAL_S))
        held.save()


def _mismatch(refund: Refund, answer: RefundSnapshot) -> str | None:
    if refund.provider_ref and answer.provider_ref != refund.provider_ref:
        return OTHER_REFUND
    differ = answer.amount != refund.amount
    return OTHER_AMOUNT % {"theirs": answer.amount, "ours": refund.amount} if differ else None
