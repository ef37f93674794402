"""Queues: waiting messages, consumers and dead letters."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import dramatiq

from actors import broker as queue_broker
from actors import pauses
from actors.models import Pause
from actors.operations import dead_letters
from actors.operations.dead_letters import DeadLetter
from actors.operations.queries.cached_query import CachedQuery, Latest
from config.messaging.broker import Rabbitmq

SHOWN = 100
"""Dead letters that the page shows."""

ARGUMENTS_FRESH_S = 60.0
"""Arguments change only with a release; comparing them costs one connection per queue."""


@dataclass(frozen=True)
class Queue(queue_broker.QueueFacts):
    """One queue, and its pause."""

    pause: Pause | None

    @property
    def is_unattended(self) -> bool:
        """Does no worker read it, though it is not paused?"""
        return self.consumers == 0 and self.pause is None


@dataclass(frozen=True)
class Queues:
    """The page of queues. `problem`: the broker does not answer, and the numbers are `age_s` old, or missing."""

    queues: list[Queue]
    letters: list[DeadLetter]
    actors: list[str]
    """The actors that have dead letters among them."""

    problem: str
    age_s: float | None


_queues: CachedQuery[list[queue_broker.QueueFacts]] = CachedQuery(queue_broker.queues, "watch-queues")
_letters: CachedQuery[list[DeadLetter]] = CachedQuery(partial(dead_letters.find, limit=SHOWN), "watch-letters")


def known_queues(patience_s: float | None = None) -> Latest[list[Queue]]:
    """The queues and their pauses, by the broker's last answer. The broker gets `patience_s` to answer."""
    known, paused = _queues.latest(patience_s), pauses.paused(pauses.QUEUE)
    queues = [Queue(**vars(facts), pause=paused.get(facts.name)) for facts in known.value or ()]
    return Latest(queues, known.age_s, known.problem)


def queues() -> Queues:
    """The queues and their dead letters, without waiting for the broker."""
    known, dead = known_queues(), Latest[list[DeadLetter]]([])
    if any(queue.dead for queue in known.value or ()):
        dead = _letters.latest()
    shown = dead_letters.with_errors(dead.value or [])
    return Queues(
        queues=known.value or [],
        letters=shown,
        actors=sorted({letter.actor for letter in shown if letter.actor}),
        problem=known.problem or dead.problem,
        age_s=known.age_s,
    )


def expire() -> None:
    """Call this after dead letters were sent again or dropped."""
    _queues.expire()
    _letters.expire()


def refused_arguments(patience_s: float | None = None) -> dict[str, str]:
    """The existing queues that RabbitMQ refuses to declare for us, and why: workers of this release cannot start."""
    return _refusals.latest(patience_s).value or {}


def _ask_refusals() -> dict[str, str]:
    broker = dramatiq.get_broker()
    if not isinstance(broker, Rabbitmq):
        return {}
    ours: dict[str, Any] = {}
    for queue in sorted(broker.get_declared_queues()):
        ours |= broker.arguments_of(queue)
    refusals = {name: queue_broker.refusal(name, arguments) for name, arguments in ours.items()}
    return {name: refusal for name, refusal in refusals.items() if refusal}


_refusals: CachedQuery[dict[str, str]] = CachedQuery(_ask_refusals, "watch-arguments", ARGUMENTS_FRESH_S)
