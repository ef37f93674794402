"""Findings: the one list of what is wrong, since when, what helps, and how urgent it is.

A check reads a snapshot of the queries and yields findings. The console's first page and `manage.py jobs doctor` show
the same list.
"""

from collections.abc import Callable, Iterator

from django.utils.translation import gettext as _

from actors.operations.findings import processes, work
from actors.operations.findings.finding import Finding, Snapshot, take_snapshot
from actors.project import project
from config.health.liveness import database_problem

__all__ = ["CHECKS", "Finding", "Snapshot", "database_findings", "examine", "findings_of", "take_snapshot"]

CHECKS: tuple[Callable[[Snapshot], Iterator[Finding]], ...] = (
    work.late_work,
    work.closed_accounts,
    work.refused_creations,
    work.missed_ticks,
    work.ticks_of_the_future,
    work.entries_without_actor,
    work.paused_entries,
    processes.no_workers,
    processes.lost_workers,
    processes.unrecorded_runs,
    processes.lossy_logs,
    processes.several_releases,
    processes.silent_broker,
    processes.missing_queues,
    processes.unattended_queues,
    processes.stuck_queues,
    processes.paused_queues,
    processes.long_queues,
    processes.dead_letters,
    processes.other_arguments,
    processes.missing_rights,
    work.waiting_for_a_person,
    work.dispute_deadlines,
    processes.database_differences,
    processes.wrong_settings,
)


def examine(patience_s: float | None = None) -> list[Finding]:
    """Everything that is wrong. The broker gets `patience_s` to answer."""
    return database_findings() or findings_of(take_snapshot(patience_s))


def database_findings() -> list[Finding]:
    """A database problem hides all other findings: they depend on the database."""
    problem = database_problem()
    return (
        [Finding("database", problem, _("Nothing else can be checked before that."), "databaseaway")] if problem else []
    )


def findings_of(seen: Snapshot) -> list[Finding]:
    """Urgent findings first, then the oldest."""
    found = [finding for check in (*CHECKS, *project().checks) for finding in check(seen)]
    return sorted(found, key=lambda finding: (not finding.is_urgent, finding.since or seen.now))
