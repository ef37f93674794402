"""The first page: the findings, some numbers, and the latest actions."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.models import LogEntry

from actors.operations.findings import Finding, database_findings, findings_of, take_snapshot
from actors.operations.queries.jobs import slots
from actors.operations.queries.payments import open_by_track
from actors.operations.queries.timeseries import Slot
from actors.operations.queries.work import Backlog
from config.actions import recorded
from config.database.counts import total

LATEST_ACTIONS = 8


@dataclass(frozen=True)
class Overview:
    """The first page. Urgent findings come first: a customer, or money, waits."""

    findings: list[Finding]
    waiting: int = 0
    """Payments whose outcome is not known."""

    lag_s: float = 0.0
    backlogs: list[Backlog] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    workers: int = 0
    threads: int = 0
    busy: int = 0
    latest: list[dict[str, Any]] = field(default_factory=list)

    @property
    def urgent(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.is_urgent]

    @property
    def others(self) -> list[Finding]:
        """Those for office hours: never in the red panel."""
        return [finding for finding in self.findings if not finding.is_urgent]


def overview() -> Overview:
    """Everything on one page; the findings and the numbers come from one snapshot."""
    if problems := database_findings():
        return Overview(problems)
    seen = take_snapshot()
    return Overview(
        findings=findings_of(seen),
        waiting=total(track.fast + track.slow for track in open_by_track(seen.now)),
        lag_s=max(backlog.lag_s for backlog in seen.backlogs),
        backlogs=seen.backlogs,
        slots=slots(seen.now),
        workers=len(seen.workers.living),
        threads=seen.workers.threads,
        busy=seen.workers.busy,
        latest=_latest_actions(),
    )


def _latest_actions() -> list[dict[str, Any]]:
    """Of staff members, here or elsewhere in the admin."""
    return [
        {
            "at": entry.action_time,
            "by": entry.user.get_username(),
            "what": recorded(entry.get_change_message()),
            "about": entry.object_repr,
        }
        for entry in LogEntry.objects.select_related("user").order_by("-pk")[:LATEST_ACTIONS]
    ]
