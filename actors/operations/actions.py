"""The actions on jobs, queues and the schedule, for the console and for `manage.py jobs`."""

from functools import partial
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from actors import pauses
from actors.broker import queue_names
from actors.models import Console, Job, Pause
from actors.operations import dead_letters
from actors.operations.dead_letters import DeadLetterFilter
from actors.runtime import history
from actors.scheduling.table import table
from config.actions import Action, Reason, Subject, row_of
from config.messaging.nudges import nudge

READ, ACT, CONFIGURE = "actors.console_read", "actors.console_act", "actors.console_configure"
"""Permissions to see the console, to act in it, and to configure with it."""

KEY_CHARS = 400


def named(key: str, name: str, target: Any = None) -> Subject:
    """A subject with a name and no row; the console's history records it."""
    return Subject(key, name, Console(pk=key), target)


def known(kind: Pause.Kind) -> set[str]:
    """The names that can be paused or resumed, and those that are still paused but gone from the code."""
    declared = queue_names() if kind == pauses.QUEUE else [entry.actor for entry in table()]
    return {*declared, *pauses.paused(kind)}


def _queue(key: str) -> Subject | None:
    return named(key, gettext("queue %(name)s") % {"name": key}) if key in known(pauses.QUEUE) else None


def _entry(key: str) -> Subject | None:
    return named(key, key) if key in known(pauses.SCHEDULE) else None


def _dead_letter(key: str) -> Subject | None:
    """A key like `queue:urgent` or `actor:check_payment` means all of them. Only the broker knows which ones exist."""
    kind, _colon, name = key.partition(":")
    if not (name if kind in ("queue", "actor") else key) or len(key) > KEY_CHARS:
        return None
    if kind == "queue":
        text = gettext("all dead letters of queue %(name)s") % {"name": name}
        return named(key, text, DeadLetterFilter(queue=name))
    if kind == "actor":
        text = gettext("all dead letters of actor %(name)s") % {"name": name}
        return named(key, text, DeadLetterFilter(actor=name))
    return named(key, gettext("dead letter %(key)s") % {"key": key}, DeadLetterFilter(key=key))


RERUN_JOB = Action(
    "job-again", _("Run again"), _("The same actor with the same arguments, as a new message."), (ACT,),
    row_of(Job), lambda job_id, by: history.run_again(Job.objects.get(pk=job_id)), _("Jobs that are run again"),
    named=lambda job: f"{job.actor} {job.args}",
)  # fmt: skip
PAUSE_QUEUE = Action(
    "pause-queue", _("Pause"),
    _("Workers stop taking its messages; running jobs finish. Due rows stay due, and nothing is lost."),
    (CONFIGURE,), _queue, partial(pauses.pause, pauses.QUEUE), _("Queues paused"), _("Paused already"), Reason,
    stops=True,
)  # fmt: skip
RESUME_QUEUE = Action(
    "resume-queue", _("Resume"), _("Workers take its messages again."), (CONFIGURE,), _queue,
    partial(pauses.resume, pauses.QUEUE), _("Queues resumed"), _("Not paused"),
)  # fmt: skip
PAUSE_ENTRY = Action(
    "pause-entry", _("Pause"),
    _("It is not fired any more. Missed ticks are not caught up. Nudges still bring work."),
    (CONFIGURE,), _entry, partial(pauses.pause, pauses.SCHEDULE), _("Schedule entries paused"), _("Paused already"),
    Reason, stops=True,
)  # fmt: skip
RESUME_ENTRY = Action(
    "resume-entry", _("Resume"), _("It is fired again, from its next tick."), (CONFIGURE,), _entry,
    partial(pauses.resume, pauses.SCHEDULE), _("Schedule entries resumed"), _("Not paused"),
)  # fmt: skip
RUN_NOW = Action(
    "run-now", _("Run now"), _("It runs once, in addition to its schedule."), (ACT,),
    lambda key: _entry(key) if key in {entry.actor for entry in table()} else None,
    lambda actor, by: nudge(actor), _("Schedule entries started"),
)  # fmt: skip
RESEND_DEAD_LETTER = Action(
    "letter-again", _("Send again"), _("Each becomes a new message with a clean record."), (ACT,), _dead_letter,
    lambda which, by: dead_letters.send_again(which), _("Dead letters sent again"),
    _("Gone already, or cannot be sent again"),
)  # fmt: skip
DROP_DEAD_LETTER = Action(
    "letter-drop", _("Drop"),
    _("The messages are deleted. The sweeps still find their rows if they are due."),
    (ACT,), _dead_letter, lambda which, by, why: dead_letters.drop(which), _("Dead letters dropped"), _("Gone already"),
    Reason, stops=True,
)  # fmt: skip

PAUSE = {pauses.QUEUE: PAUSE_QUEUE, pauses.SCHEDULE: PAUSE_ENTRY}
RESUME = {pauses.QUEUE: RESUME_QUEUE, pauses.SCHEDULE: RESUME_ENTRY}
