"""What a person can do to jobs, queues and the schedule, in the console and with `manage.py jobs` alike."""

from functools import partial
from typing import Any

from django.utils.translation import gettext_lazy as _

from actors.models import Console, Job, Pause
from actors.operations import dead_letters, pauses
from actors.operations.broker import queue_names
from actors.operations.dead_letters import DeadLetterFilter
from actors.runtime import history
from actors.scheduling.table import table
from config.actions import Action, Reason, Subject, row_of
from config.messaging.nudges import nudge

ACT, CONFIGURE = "actors.console_act", "actors.console_configure"

OF_QUEUE, OF_ACTOR = "queue:", "actor:"
"""Keys with these beginnings mean all dead letters of a queue, or of an actor."""

KEY_CHARS = 400


def named(key: str, name: str, target: Any = None) -> Subject:
    """A subject that has a name and no row: it stands in the history of the console."""
    return Subject(key, name, Console(pk=key), target)


def known(kind: Pause.Kind) -> set[str]:
    """The names that can be paused or resumed; also those that were paused before they were taken out of the code."""
    declared = queue_names() if kind == pauses.QUEUE else [entry.actor for entry in table()]
    return {*declared, *pauses.paused(kind)}


def _queue(key: str) -> Subject | None:
    return named(key, f"queue {key}") if key in known(pauses.QUEUE) else None


def _entry(key: str) -> Subject | None:
    return named(key, key) if key in known(pauses.SCHEDULE) else None


def _letter(key: str) -> Subject | None:
    """Only the broker knows whether it is still there."""
    if not key or len(key) > KEY_CHARS:
        return None
    if key.startswith(OF_QUEUE):
        return named(
            key, f"all dead letters of {key.replace(':', ' ', 1)}", DeadLetterFilter(queue=key.removeprefix(OF_QUEUE))
        )
    if key.startswith(OF_ACTOR):
        return named(
            key, f"all dead letters of {key.replace(':', ' ', 1)}", DeadLetterFilter(actor=key.removeprefix(OF_ACTOR))
        )
    return named(key, f"dead letter {key}", DeadLetterFilter(key=key))


def _run_again(job_id: int, by: str) -> str:
    return history.run_again(Job.objects.get(pk=job_id))


JOB_AGAIN = Action(
    "job-again", _("Run again"), _("The same actor with the same arguments, as a new message."), (ACT,),
    row_of(Job), _run_again, _("Jobs that are run again"), named=lambda job: f"{job.actor} {job.args}",
)  # fmt: skip
PAUSE_QUEUE = Action(
    "pause-queue", _("Pause"),
    _("Workers take nothing from it any more; what runs is finished. What is due stays due, and nothing is lost."),
    (CONFIGURE,), _queue, partial(pauses.pause, pauses.QUEUE), _("Queues that rest now"), _("Paused already"), Reason,
    stops=True,
)  # fmt: skip
RESUME_QUEUE = Action(
    "resume-queue", _("Resume"), _("Workers take from it again."), (CONFIGURE,), _queue,
    partial(pauses.resume, pauses.QUEUE), _("Queues that go on"), _("Not paused"),
)  # fmt: skip
PAUSE_ENTRY = Action(
    "pause-entry", _("Pause"),
    _("It is not fired any more, and ticks that come due meanwhile are not made up for. Nudges still bring work."),
    (CONFIGURE,), _entry, partial(pauses.pause, pauses.SCHEDULE), _("Entries that rest now"), _("Paused already"),
    Reason, stops=True,
)  # fmt: skip
RESUME_ENTRY = Action(
    "resume-entry", _("Resume"), _("It is fired again, from its next tick on."), (CONFIGURE,), _entry,
    partial(pauses.resume, pauses.SCHEDULE), _("Entries that go on"), _("Not paused"),
)  # fmt: skip
RUN_NOW = Action(
    "run-now", _("Run now"), _("It runs once more, besides its schedule."), (ACT,),
    lambda key: _entry(key) if key in {entry.actor for entry in table()} else None,
    lambda actor, by: nudge(actor), _("Entries that were asked to run now"),
)  # fmt: skip
LETTER_AGAIN = Action(
    "letter-again", _("Send again"), _("Each becomes a new message with a clean record."), (ACT,), _letter,
    lambda which, by: dead_letters.send_again(which), _("Dead letters that were sent again"),
    _("Gone already, or cannot be sent again"),
)  # fmt: skip
LETTER_DROP = Action(
    "letter-drop", _("Drop"),
    _("The messages are thrown away. The sweeps still find their rows if they are due."),
    (ACT,), _letter, lambda which, by, why: dead_letters.drop(which), _("Dead letters dropped"), _("Gone already"),
    Reason, stops=True,
)  # fmt: skip

PAUSE = {pauses.QUEUE: PAUSE_QUEUE, pauses.SCHEDULE: PAUSE_ENTRY}
RESUME = {pauses.QUEUE: RESUME_QUEUE, pauses.SCHEDULE: RESUME_ENTRY}
