"""Differences between a provider's books and ours: noted once, mended by an ordinary look, or parked for a person.

Nothing here writes a state of a payment. What may still move is looked at by the same function as ever; whether that
helped is found out by comparing again, with a fresh answer.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from billing.errors import Refused, WrongCredentials
from billing.limits import permits
from billing.models import AskedBy, Difference, Payment, Reconciliation
from billing.models.reconciliation import STANDING
from billing.payments import service as payments
from billing.payments import sweep
from billing.providers import PaymentSnapshot, provider_of
from billing.reconciliation.compare import Discrepancy, compare, missing
from billing.refunds import external as external_refunds
from billing.states import RefundStatus
from config.due.queue import database_now

log = logging.getLogger(__name__)

Kind, State = Difference.Kind, Difference.State

CHANGES = ["reconciliation", "ours", "theirs", "reference", "payment", "state", "last_found_at"]
"""What finding a difference once more may change. It belongs to the day that found it last."""


def with_refunds(rows: QuerySet[Payment]) -> QuerySet[Payment]:
    """Each with `refunded_minor`: what its refunds have certainly brought back."""
    settled = Sum("refunds__amount_minor", filter=Q(refunds__status=RefundStatus.SUCCEEDED))
    return rows.annotate(refunded_minor=Coalesce(settled, 0))


def between(payment: Payment, answer: PaymentSnapshot | Refused) -> list[Discrepancy]:
    """Everything that differs between a payment of `with_refunds` and what the provider said of it."""
    if isinstance(answer, Refused):
        found = missing(payment, str(answer))
        return [found] if found else []
    return list(compare(payment, answer, payment.refunded_minor))  # type: ignore[attr-defined]


def ask(account: str, provider_ref: str) -> PaymentSnapshot | Refused:
    """What the provider says of one payment, be it that it knows none. Raises ProviderError if it says nothing."""
    try:
        with permits.guard(account):
            return provider_of(account).status(provider_ref)
    except WrongCredentials:
        raise
    except Refused as error:
        return error


def note(run: Reconciliation, found: Sequence[Discrepancy]) -> None:
    """Write down what was found, in a handful of statements however much it is; nothing is noted twice.

    What a person has decided stays decided, as long as both sides say what they said then; so known rows are locked,
    and it takes a transaction.
    """
    known = {(row.kind, row.provider_ref): row for row in _known(run.account, found)}
    parked = {row.pk for row in known.values() if row.state == State.PARKED}
    now = database_now()
    rows = [_noted(run, each, known.get((each.kind, each.provider_ref)), now) for each in found]
    Difference.objects.bulk_create([row for row in rows if not row.pk], ignore_conflicts=True)
    Difference.objects.bulk_update([row for row in rows if row.pk], CHANGES)
    for row in rows:
        if row.state == State.PARKED and row.pk not in parked:
            _log_parked(row)


def mend(difference: Difference) -> None:
    """Look at its payment if that may help, then compare again: mended, parked, or still open if nobody could look.

    Raises ProviderError where there was no answer.
    """
    payment = difference.payment
    assert payment is not None, "what only the provider knows is never open"  # noqa: S101 (for the type checker)
    looked = difference.kind != Kind.STATUS or _check(payment)
    answer = ask(difference.account, difference.provider_ref)
    if difference.kind == Kind.REFUNDS and isinstance(answer, PaymentSnapshot):
        external_refunds.notice(payment.pk, answer.refunded_minor)
    fresh = with_refunds(Payment.objects.filter(pk=payment.pk)).get()
    if fresh.provider_ref not in ("", difference.provider_ref):
        return  # by its reference we took one for the other; the next go through the day knows better
    still = {found.kind: found for found in between(fresh, answer)}
    found = still.get(Kind(difference.kind)) or still.get(Kind.MISSING)
    if found is None:
        _end(difference, State.MENDED)
    elif looked or not found.mendable:
        _say(difference, found)
        _end(difference, State.PARKED)
        _log_parked(difference)


def close_agreed(run: Reconciliation, since: datetime) -> None:
    """Standing differences of the day that were not found again since then: the two agree by now."""
    run.differences.filter(state__in=STANDING, last_found_at__lt=since).update(state=State.MENDED)


def resolve(difference_id: int, by: str, why: str) -> bool:
    """A person has decided what becomes of it, and says so; False if it is not parked (any more).

    Raises ValueError without a name or a reason.
    """
    if not (by.strip() and why.strip()):
        raise ValueError("A difference is resolved by somebody, and for a reason.")
    parked = Difference.objects.filter(pk=difference_id, state=State.PARKED)
    resolved = parked.update(state=State.RESOLVED, decided_by=by.strip()[:150], why=why.strip()[:200])
    if resolved:
        log.info("difference.resolved", extra={"difference": difference_id, "by": by})
    return bool(resolved)


def _known(account: str, found: Sequence[Discrepancy]) -> QuerySet[Difference]:
    refs = {each.provider_ref for each in found}
    return Difference.objects.select_for_update().filter(account=account, provider_ref__in=refs)


def _noted(run: Reconciliation, found: Discrepancy, known: Difference | None, now: datetime) -> Difference:
    """A new row, or the one that is there. That one comes to life again if it was mended, if it is another one now (as
    a new one is, which has said nothing yet), or if one more look may mend it.
    """
    row = known or Difference(account=run.account, kind=found.kind, provider_ref=found.provider_ref)
    said = row.ours, row.theirs
    _say(row, found)
    if said != (row.ours, row.theirs) or row.state == State.MENDED or (row.state == State.PARKED and found.mendable):
        row.state = _first_state(found)
    row.reference, row.payment = found.reference, found.payment
    row.reconciliation, row.last_found_at = run, now
    return row


def _say(row: Difference, found: Discrepancy) -> None:
    """A word of theirs that we do not know may be as long as its column, and more is said of it."""
    row.ours, row.theirs = found.ours, found.theirs[:200]


def _first_state(found: Discrepancy) -> Difference.State:
    """Where we know the payment we ask once more: it may have moved while the list was read."""
    return State.OPEN if found.payment and found.kind != Kind.MISSING else State.PARKED


def _check(payment: Payment) -> bool:
    """Did we look just now? False if somebody else is looking already, or if the provider gave no answer.

    One that ended and was never known by an id there could only be made once more; that is no look.
    """
    if not (payment.is_open or payment.provider_ref):
        return True
    if payment.is_open and payments.check_now(payment, AskedBy.RECONCILIATION):
        return sweep.check_one(payment.pk)
    return payments.check_again(payment, AskedBy.RECONCILIATION)


def _end(difference: Difference, state: Difference.State) -> None:
    difference.state = state
    difference.save(update_fields=["state", "ours", "theirs"])


def _log_parked(difference: Difference) -> None:
    """Money that a person must look at is never only a row."""
    facts = {"account": difference.account, "kind": difference.kind, "provider_ref": difference.provider_ref}
    if difference.payment_id:
        facts["payment"] = str(difference.payment_id)
    log.error("difference.parked", extra={**facts, "ours": difference.ours, "theirs": difference.theirs})
