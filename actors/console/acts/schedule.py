"""The schedule: fire an entry now, let it rest, let it go on."""

from django.utils.translation import gettext_lazy as _

from actors.console.access import ACT, CONFIGURE
from actors.console.acting import Act, Subject
from actors.operations import pauses
from actors.scheduling.table import table
from config.messaging.nudges import nudge


def _entry(key: str) -> Subject | None:
    return Subject(key, key) if key in {entry.actor for entry in table()} else None


def _run(key: str, by: str, why: str) -> bool:
    nudge(key)
    return True


def _pause(key: str, by: str, why: str) -> bool:
    return pauses.pause(pauses.SCHEDULE, key, by, why)


def _resume(key: str, by: str, why: str) -> bool:
    return pauses.resume(pauses.SCHEDULE, key, by)


ACTS = (
    Act(
        "run-now", _("Run now"), _("It runs once more, besides its schedule."), (ACT,), _entry, _run,
        _("Entries that were asked to run now"),
    ),
    Act(
        "pause-entry", _("Pause"),
        _("It is not fired any more, and ticks that come due meanwhile are not made up for. Nudges still bring work."),
        (CONFIGURE,), _entry, _pause, _("Entries that rest now"), _("Paused already"), asks_why=True, stops=True,
    ),
    Act(
        "resume-entry", _("Resume"), _("It is fired again, from its next tick on."), (CONFIGURE,), _entry, _resume,
        _("Entries that go on"), _("Not paused"),
    ),
)  # fmt: skip
