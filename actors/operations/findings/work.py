"""Findings about late work, rows that wait for a person, closed accounts, and a schedule that is not fired."""

from collections.abc import Iterator
from datetime import timedelta

import dramatiq
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actors.kinds import SaidElsewhere, WhyLate
from actors.operations.findings.finding import Finding, Snapshot, paused, some_of
from actors.operations.queries.providers import Account
from actors.operations.queries.schedule import ScheduledEntry
from actors.project import kind_named
from config.database.counts import counted

SCHEDULE = "console:schedule"

LISTS = {
    "payment": "console:payments",
    "refund": "admin:billing_refund_changelist",
    "dispute": "admin:billing_dispute_changelist",
    "proposal": "admin:billing_proposal_changelist",
    "difference": "admin:billing_difference_changelist",
    "order": "admin:commerce_order_changelist",
}
"""The pages that list the rows waiting for a person."""


def late_work(seen: Snapshot) -> Iterator[Finding]:
    """Kinds of work whose oldest due row has waited for more than LATE_S."""
    for backlog in (late for late in seen.backlogs if late.is_late):
        kind = kind_named(backlog.name)
        why = kind.why_late(seen) if kind else None
        if isinstance(why, SaidElsewhere):
            continue
        why = why or _unchecked()
        yield Finding(
            backlog.label,
            why.problem % {"due": counted(backlog.due)},
            why.advice,
            kind.section if kind else "worklate",
            seen.now - timedelta(seconds=backlog.lag_s),
            page="console:kind",
            page_args=(backlog.name,),
            action="look-now",
            key=backlog.name,
        )


def _unchecked() -> WhyLate:
    advice = _("Start the sweep by hand. If the rows stay, check for a missing worker, a pause or an open breaker.")
    return WhyLate(_("%(due)s due, and no worker has checked them"), advice)


def waiting_for_a_person(seen: Snapshot) -> Iterator[Finding]:
    """One finding per kind of row."""
    subjects = {
        "payment": _("payments"), "refund": _("refunds"), "dispute": _("disputes"), "difference": _("differences"),
        "proposal": _("decisions for a second person"),
        "order": _("orders"),
    }  # fmt: skip
    for waiting in seen.waiting:
        has_deadline = waiting.noun == "dispute" and seen.dispute_deadlines  # a finding of its own says more
        if waiting.rows and not has_deadline:
            text = ngettext("%(n)s waits for a person", "%(n)s wait for a person", waiting.rows)
            yield Finding(
                subjects.get(waiting.noun, waiting.noun),
                text % {"n": counted(waiting.rows)},
                _("Decide each of them: `payments attention` lists them and the possible resolutions."),
                "personmustlook",
                waiting.since,
                page=LISTS.get(waiting.noun, ""),
            )


def dispute_deadlines(seen: Snapshot) -> Iterator[Finding]:
    """Disputes that are lost without an answer."""
    for account, due_at in seen.dispute_deadlines.items():
        yield Finding(
            _("account %(name)s") % {"name": account},
            _("a dispute must be answered by %(at)s UTC") % {"at": f"{due_at:%Y-%m-%d %H:%M}"},
            _("Answer it in the provider's own pages, and say so here. Without an answer its money is lost."),
            "disputedeadline",
            page=LISTS["dispute"],
        )


def refused_creations(seen: Snapshot) -> Iterator[Finding]:
    """Providers that answer, and take none of our payments."""
    for state in (account.state for account in seen.accounts if account.state.creations_refused):
        values = {"times": counted(state.creations_refused), "error": state.last_refusal}
        yield Finding(
            _("account %(name)s") % {"name": state.account},
            _("it refuses to create payments, %(times)s in a row (%(error)s)") % values,
            _("The mistake is ours: compare the key and the named parameter with the provider's documents."),
            "providerrefuses",
            state.refused_since,
            page="console:providers",
        )


def closed_accounts(seen: Snapshot) -> Iterator[Finding]:
    """Providers that may not be called."""
    for account in (shut for shut in seen.accounts if not shut.passes):
        state = account.state
        subject, page, action = _("account %(name)s") % {"name": state.account}, "console:providers", "close-breaker"
        yield Finding(subject, *_why_closed(account), state.since, page=page, action=action, key=state.account)


def _why_closed(account: Account) -> tuple[str, str, str]:
    """Problem, advice, and section of the runbook."""
    state = account.state
    if account.is_held:
        told = {"by": state.changed_by, "why": state.why}
        problem = _("%(by)s opened its breaker by hand, so no call passes (%(why)s)") % told
        return problem, _("Close the breaker when the reason is gone."), "providerheld"
    if account.is_paused:
        problem = _("the provider asked us to stop calls for a while")
        return problem, _("Wait: calls resume by themselves."), "a-pause-that-the-provider-asked-for"
    problem = _("its breaker is open, so only single probes pass (%(error)s)") % {"error": state.last_error}
    advice = _("If the provider is down, wait: the breaker closes after a probe that is answered.")
    return problem, advice, "provideraway"


def missed_ticks(seen: Snapshot) -> Iterator[Finding]:
    """One finding if no scheduler runs, else one per entry."""
    missed = {entry.actor: entry.missed_at for entry in seen.schedule if entry.missed_at and _has_actor(entry)}
    used_up = [entry.used_up_at for entry in seen.schedule if entry.used_up_at]
    if missed and all(at < max(missed.values()) for at in used_up):
        yield Finding(
            _("schedule"),
            _("no entry is fired; missed: %(names)s") % {"names": some_of(missed)},
            _("Start a scheduler; the runbook has the commands."),
            "schedulersgone",
            min(missed.values()),
            page=SCHEDULE,
        )
        return
    advice = _("Check the scheduler's log for scheduler.no_database. Until then, run the entry by hand.")
    for actor, missed_at in missed.items():
        problem = _("due at %(at)s UTC, and not fired") % {"at": f"{missed_at:%Y-%m-%d %H:%M:%S}"}
        yield Finding(_entry(actor), problem, advice, "schedulelate", missed_at, SCHEDULE, action="run-now", key=actor)


def ticks_of_the_future(seen: Snapshot) -> Iterator[Finding]:
    """The ledger counts the coming ticks as fired. A scheduler deletes them within a second."""
    if seen.schedule_ahead_s:
        until = seen.now + timedelta(seconds=seen.schedule_ahead_s)
        problem = _("it counts as fired up to %(at)s UTC: the database's clock was set back")
        advice = _(
            "Check the clock of the database's host. A running scheduler corrects the ledger by itself: start one."
        )
        at = f"{until:%Y-%m-%d %H:%M:%S}"
        yield Finding(_("schedule"), problem % {"at": at}, advice, "clocksetback", page=SCHEDULE)


def entries_without_actor(seen: Snapshot) -> Iterator[Finding]:
    """Misspelt names, or actors whose module is not loaded."""
    for entry in seen.schedule:
        if not _has_actor(entry):
            advice = _("Correct ACTOR_SCHEDULE or ACTOR_MODULES.")
            problem, runbook = _("no actor has this name"), "an-entry-without-an-actor"
            yield Finding(_entry(entry.actor), problem, advice, runbook, page=SCHEDULE)


def paused_entries(seen: Snapshot) -> Iterator[Finding]:
    """Entries that an operator has paused."""
    for entry in seen.schedule:
        if entry.pause:
            yield paused(_entry(entry.actor), entry.pause, SCHEDULE, "resume-entry")


def _entry(actor: str) -> str:
    return _("schedule %(name)s") % {"name": actor}


def _has_actor(entry: ScheduledEntry) -> bool:
    return entry.actor in dramatiq.get_broker().actors
