"""The schedule: fire an entry now."""

from django.utils.translation import gettext_lazy as _

from actors.console.access import ACT
from actors.console.acting import Act, Subject
from actors.schedule import table
from config.nudges import nudge


def _entry(key: str) -> Subject | None:
    return Subject(key, key) if key in {entry.actor for entry in table()} else None


def _run(key: str, by: str, why: str) -> bool:
    nudge(key)
    return True


ACTS = (
    Act(
        "run-now", _("Run now"), _("It runs once more, besides its schedule."), (ACT,), _entry, _run,
        _("Entries that run now"),
    ),
)  # fmt: skip
