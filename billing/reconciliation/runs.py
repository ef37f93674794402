"""Reconciliation runs: compare each day of each account with the provider, and decide when to compare it again.

Days are in UTC. A payment belongs to the day on which it was made, there or here, and both are compared as they are
now: a payment made at 23:59 and paid at 00:01 belongs to one day. `day.py` compares a day. If the provider gives no
answer, the day stays unfinished and due; the differences found so far are kept.
"""

import logging
import time
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db.models import Min, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.errors import CannotReconcile, ProviderError
from billing.models import Difference, Payment, Reconciliation
from billing.models.reconciliation import STANDING
from billing.reconciliation.day import RECONCILIATION_QUEUE, Ending, Progress, ReconciledDay, bounds, made_on
from config.due import backoff
from config.due.queue import database_now
from config.formats import DAY, span
from config.formats.sentences import stored

log = logging.getLogger(__name__)

# Stored: why the comparison was not finished.
LOST_WORKERS = stored(gettext_noop("%(workers)s workers were lost while they compared it"))
UNNAMED = stored(gettext_noop("PAYMENT_ACCOUNTS does not name the account any more"))

DELAY = timedelta(hours=1)
"""Time from the end of a day in UTC to its comparison: providers list payments late."""

NIGHTS = 3
"""Consecutive nights in which each day is compared: money may come late."""

DAYS_BACK = 30
"""Age at which a day with standing differences is no longer compared every night, only by hand."""

SOON = timedelta(minutes=5)
"""When to compare again if another worker was checking the payment."""

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=1)
"""Waits after a provider's error."""


def reconcile_due(seconds: float) -> int:
    """Plan the days that are over, and compare due ones; starts none after `seconds`. Returns how many."""
    ends_at, compared = time.monotonic() + seconds, 0
    plan(database_now())
    while worked_on := RECONCILIATION_QUEUE.work_off(1, _work):
        compared += worked_on
        if time.monotonic() >= ends_at:
            break
    return compared


def plan(now: datetime) -> int:
    """Create a row for each closed day of each account since its first payment, up to DAYS_BACK; returns how many."""
    last = last_closed(now - DELAY)
    oldest = last - DAYS_BACK * DAY
    missing = []
    for account in settings.PAYMENT_ACCOUNTS:
        first: datetime | None = Payment.objects.filter(account=account).aggregate(first=Min("created_at"))["first"]
        there = set(Reconciliation.objects.filter(account=account, day__gte=oldest).values_list("day", flat=True))
        days = span(max(first.astimezone(UTC).date(), oldest), last) if first else []
        missing += [Reconciliation(account=account, day=day, reconcile_after=now) for day in days if day not in there]
    Reconciliation.objects.bulk_create(missing, ignore_conflicts=True)
    return len(missing)


def reconcile(account: str, day: date, progress: Progress = lambda _: None) -> Reconciliation:
    """Compare this day now, even if it was compared before. Its `error` says why it could not be finished.

    Raises CannotReconcile, with a sentence for the operator, for a day that is not over, for an unknown account, and
    while another process compares the day.
    """
    run = compare_again(account, day)
    claimed = RECONCILIATION_QUEUE.claim_one(run.pk)
    if claimed is None:
        raise CannotReconcile(f"{run} is being compared by another process, which will then start again.")
    try:
        worked = RECONCILIATION_QUEUE.work_on(claimed, lambda row: _work(row, progress))
    except KeyboardInterrupt:
        RECONCILIATION_QUEUE.release([claimed])
        raise
    if not worked:
        raise CannotReconcile(f"{run} could not be compared; the log says why.")
    run.refresh_from_db()
    return run


def compare_again(account: str, day: date) -> Reconciliation:
    """Make this day due now. Raises CannotReconcile as `reconcile` does."""
    now = database_now()
    if account not in settings.PAYMENT_ACCOUNTS:
        known = ", ".join(settings.PAYMENT_ACCOUNTS)
        raise CannotReconcile(
            _("%(account)s is not an account: write one of %(known)s.") % {"account": repr(account), "known": known}
        )
    if day > last_closed(now):
        raise CannotReconcile(
            _("%(day)s is not over yet in UTC; the last day that is over is %(last)s.")
            % {"day": day, "last": last_closed(now)}
        )
    run, _new = Reconciliation.objects.get_or_create(account=account, day=day, defaults={"reconcile_after": now})
    Reconciliation.objects.filter(pk=run.pk, reconcile_after=None).update(reconcile_after=Now())
    RECONCILIATION_QUEUE.make_due(Q(pk=run.pk), "operator")
    return run


def payments_of(account: str, day: date) -> int:
    """How many payments we made that day."""
    return Payment.objects.filter(made_on(account, day)).count()


def last_closed(now: datetime) -> date:
    """The last day that is over in UTC."""
    return now.astimezone(UTC).date() - DAY


def _work(run: Reconciliation, progress: Progress = lambda _: None) -> None:
    """Compare, mend, and write the result."""
    try:
        if run.died_too_often:
            raise CannotReconcile(LOST_WORKERS % {"workers": run.claims - 1})
        if run.account not in settings.PAYMENT_ACCOUNTS:
            raise CannotReconcile(UNNAMED)
        day = ReconciledDay(run, progress)
        day.compare()
        day.mend()
    except (ProviderError, CannotReconcile) as error:
        return _leave_unfinished(run, error)
    except Ending:
        RECONCILIATION_QUEUE.release([run])
        return None
    return _conclude(run, day.started)


def _conclude(run: Reconciliation, started: datetime) -> None:
    """The next comparison follows from when this one started: it may have taken until the next day."""
    standing = dict.fromkeys(STANDING, 0)
    for state in run.differences.filter(state__in=STANDING).values_list("state", flat=True):
        standing[Difference.State(state)] += 1
    with RECONCILIATION_QUEUE.holding(run) as held:
        for name in ("there", "here", "foreign", "unreadable", "listed"):
            setattr(held, name, getattr(run, name))
        held.compared_at, held.error = database_now(), ""
        moment = _next_comparison(run.day, standing, started)
        if moment is None:
            RECONCILIATION_QUEUE.done(held)
        else:
            RECONCILIATION_QUEUE.snooze(held, max(moment - held.compared_at, timedelta(0)))
        held.save()
    fields = {"account": run.account, "day": run.day.isoformat(), "there": run.there, "here": run.here}
    fields |= {"unreadable": run.unreadable} if run.unreadable else {}
    log.info("reconciliation.compared", extra={**fields, **{state.value: number for state, number in standing.items()}})


def _next_comparison(day: date, standing: dict[Difference.State, int], started: datetime) -> datetime | None:
    """When the day is compared again, after a comparison that started then; None if it will not change any more."""
    age = (started.astimezone(UTC).date() - day).days
    if standing[Difference.State.OPEN]:
        return started + SOON
    limit = DAYS_BACK if any(standing.values()) else NIGHTS
    return bounds(started.astimezone(UTC).date())[1] + DELAY if age < limit else None


def _leave_unfinished(run: Reconciliation, error: Exception) -> None:
    """Put the day off. The differences found so far are kept."""
    extra = {"account": run.account, "day": run.day.isoformat(), "error": str(error)}
    log.warning("reconciliation.unfinished", extra=extra)
    with RECONCILIATION_QUEUE.holding(run) as held:
        held.error = str(error)[:200]
        RECONCILIATION_QUEUE.put_off(held, backoff(held.errors, FIRST_WAIT, LONGEST_WAIT))
        held.save()
