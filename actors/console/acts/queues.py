"""Queues: let one rest, let it go on; and what becomes of its dead letters."""

from collections.abc import Callable

import dramatiq
from django.utils.translation import gettext_lazy as _

from actors.console.access import ACT, CONFIGURE
from actors.console.acting import Act, NotNow, Subject
from actors.console.facts.queues import ask_anew
from actors.operations import dead_letters, pauses
from actors.operations.broker import BrokerSilent
from actors.operations.dead_letters import DeadLetterFilter

OF_QUEUE, OF_ACTOR = "queue:", "actor:"
"""So begin keys that mean all dead letters of a queue, or of an actor."""

LONGEST_KEY = 400


def _queue(key: str) -> Subject | None:
    return Subject(key, f"queue {key}") if key in dramatiq.get_broker().get_declared_queues() else None


def _letter(key: str) -> Subject | None:
    """Whether it is still there only the broker knows."""
    if not key or len(key) > LONGEST_KEY:
        return None
    is_many = key.startswith((OF_QUEUE, OF_ACTOR))
    return Subject(key, f"all dead letters of {key.replace(':', ' ', 1)}" if is_many else f"dead letter {key}")


def _which(key: str) -> DeadLetterFilter:
    if key.startswith(OF_QUEUE):
        return DeadLetterFilter(queue=key.removeprefix(OF_QUEUE))
    if key.startswith(OF_ACTOR):
        return DeadLetterFilter(actor=key.removeprefix(OF_ACTOR))
    return DeadLetterFilter(key=key)


def _pause(key: str, by: str, why: str) -> bool:
    return pauses.pause(pauses.QUEUE, key, by, why)


def _resume(key: str, by: str, why: str) -> bool:
    return pauses.resume(pauses.QUEUE, key, by)


def _again(key: str, by: str, why: str) -> int:
    return _changed(dead_letters.send_again, key)


def _drop(key: str, by: str, why: str) -> int:
    return _changed(dead_letters.drop, key)


def _changed(change: Callable[[DeadLetterFilter], int], key: str) -> int:
    """The page that is shown next must not show what has just gone."""
    try:
        return change(_which(key))
    except BrokerSilent as silence:
        raise NotNow(str(silence)) from None
    finally:
        ask_anew()


ACTS = (
    Act(
        "pause-queue", _("Pause"),
        _("Workers take nothing from it any more; what runs is finished. What is due stays due, and nothing is lost."),
        (CONFIGURE,), _queue, _pause, _("Queues that rest now"), _("Paused already"), asks_why=True, stops=True,
    ),
    Act(
        "resume-queue", _("Resume"), _("Workers take from it again."), (CONFIGURE,), _queue, _resume,
        _("Queues that go on"), _("Not paused"),
    ),
    Act(
        "letter-again", _("Send again"), _("Each becomes a new message with a clean record."), (ACT,), _letter, _again,
        _("Dead letters that were sent again"), _("Gone already, or cannot be sent again"),
    ),
    Act(
        "letter-drop", _("Drop"),
        _("The messages are thrown away. Their rows, if they are still due, are found by the sweeps all the same."),
        (ACT,), _letter, _drop, _("Dead letters dropped"), _("Gone already"), asks_why=True, stops=True,
    ),
)  # fmt: skip
