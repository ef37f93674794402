"""Differences between a provider's books and ours: noted once, settled by an ordinary check, or parked for an operator.

Nothing here writes the state of a payment. A payment that may still change goes through the ordinary check; then it is
compared again with a fresh answer.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from billing.errors import Refused, WrongCredentials
from billing.limits import permits
from billing.models import AskedBy, Difference, Payment, Reconciliation
from billing.payments import service as payments
from billing.payments import sweep
from billing.providers import provider_of
from billing.providers.base import PaymentSnapshot
from billing.reconciliation.compare import Discrepancy, compare, missing
from billing.refunds import service as refunds
from billing.states import RefundStatus
from config.due.queue import database_now

log = logging.getLogger(__name__)

Kind, State = Difference.Kind, Difference.State

UPDATED_COLUMNS = ["reconciliation", "ours", "theirs", "reference", "payment", "state", "last_found_at"]
"""The columns that change when a difference is found again. It belongs to the day that found it last."""


def with_refunds(rows: QuerySet[Payment]) -> QuerySet[Payment]:
    """Annotate each payment with `refunded_minor`: the sum of its succeeded refunds."""
    settled = Sum("refunds__amount_minor", filter=Q(refunds__status=RefundStatus.SUCCEEDED))
    return rows.annotate(refunded_minor=Coalesce(settled, 0))


def between(payment: Payment, answer: PaymentSnapshot | Refused) -> list[Discrepancy]:
    """All differences between a payment of `with_refunds` and the provider's answer."""
    if isinstance(answer, Refused):
        found = missing(payment, str(answer))
        return [found] if found else []
    return list(compare(payment, answer, payment.refunded_minor))  # type: ignore[attr-defined]


def ask(account: str, provider_ref: str) -> PaymentSnapshot | Refused:
    """The provider's answer about one payment, Refused if it does not know it. Raises ProviderError without one."""
    try:
        with permits.guard(account):
            return provider_of(account).status(provider_ref)
    except WrongCredentials:
        raise
    except Refused as error:
        return error


def note(run: Reconciliation, found: Sequence[Discrepancy]) -> None:
    """Write all differences found, in a few statements; none is noted twice.

    An operator's decision holds as long as both sides keep their values; so known rows are locked. Needs a transaction.
    """
    refs = {each.provider_ref for each in found}
    locked = Difference.objects.select_for_update().filter(account=run.account, provider_ref__in=refs)
    known = {(row.kind, row.provider_ref): row for row in locked}
    parked = {row.pk for row in known.values() if row.state == State.PARKED}
    now = database_now()
    rows = [_noted(run, each, known.get((each.kind, each.provider_ref)), now) for each in found]
    Difference.objects.bulk_create([row for row in rows if not row.pk], ignore_conflicts=True)
    Difference.objects.bulk_update([row for row in rows if row.pk], UPDATED_COLUMNS)
    for row in rows:
        if row.state == State.PARKED and row.pk not in parked:
            _log_parked(row)


def mend(difference: Difference) -> None:
    """Check the payment if that may help, then compare again: mended, parked, or still open if no check was possible.

    Raises ProviderError without an answer.
    """
    payment = difference.payment
    assert payment is not None, "what only the provider knows is never open"  # noqa: S101 (for the type checker)
    checked = difference.kind != Kind.STATUS or _check(payment)
    answer = ask(difference.account, difference.provider_ref)
    if difference.kind == Kind.REFUNDS and isinstance(answer, PaymentSnapshot):
        refunds.notice(payment.pk, answer.refunded_minor)
    fresh = with_refunds(Payment.objects.filter(pk=payment.pk)).get()
    if fresh.provider_ref not in ("", difference.provider_ref):
        return  # found by its reference, but it is another payment; the next comparison of the day corrects this
    still = {found.kind: found for found in between(fresh, answer)}
    found = still.get(Kind(difference.kind)) or still.get(Kind.MISSING)
    if found is None:
        _end(difference, State.MENDED)
    elif checked or not found.mendable:
        _set_values(difference, found)
        _end(difference, State.PARKED)
        _log_parked(difference)


def resolve(difference_id: int, by: str, why: str) -> bool:
    """Resolve a parked difference; False if it is not parked. Raises ValueError without a name or a reason."""
    if not (by.strip() and why.strip()):
        raise ValueError("A resolved difference needs a name and a reason.")
    parked = Difference.objects.filter(pk=difference_id, state=State.PARKED)
    resolved = parked.update(state=State.RESOLVED, decided_by=by.strip()[:150], why=why.strip()[:200])
    if resolved:
        log.info("difference.resolved", extra={"difference": difference_id, "by": by})
    return bool(resolved)


def _noted(run: Reconciliation, found: Discrepancy, known: Difference | None, now: datetime) -> Difference:
    """A new row, or the known one. It opens again if it was mended, if its values have changed (those of a new row
    have), or if one more check may settle it. A known payment is checked once more: it may have changed while the list
    was read.
    """
    row = known or Difference(account=run.account, kind=found.kind, provider_ref=found.provider_ref)
    before = row.ours, row.theirs
    _set_values(row, found)
    if before != (row.ours, row.theirs) or row.state == State.MENDED or (row.state == State.PARKED and found.mendable):
        row.state = State.OPEN if found.payment and found.kind != Kind.MISSING else State.PARKED
    row.reference, row.payment = found.reference, found.payment
    row.reconciliation, row.last_found_at = run, now
    return row


def _set_values(row: Difference, found: Discrepancy) -> None:
    """Cut the provider's value: an unknown status may fill its column, and we add words to it."""
    row.ours, row.theirs = found.ours, found.theirs[:200]


def _check(payment: Payment) -> bool:
    """Was the payment checked just now? False if another worker checks it. One that never got there has no news."""
    return not payments.check_now(payment, AskedBy.RECONCILIATION) or sweep.check_one(payment.pk)


def _end(difference: Difference, state: Difference.State) -> None:
    difference.state = state
    difference.save(update_fields=["state", "ours", "theirs"])


def _log_parked(difference: Difference) -> None:
    """Money that needs an operator is always in the log too, not only in a row."""
    fields = {"account": difference.account, "kind": difference.kind, "provider_ref": difference.provider_ref}
    if difference.payment_id:
        fields["payment"] = str(difference.payment_id)
    log.error("difference.parked", extra={**fields, "ours": difference.ours, "theirs": difference.theirs})
