"""Queues: what waits in them, who takes it, and what died there."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from actors.console.facts.watching import Known, Watch
from actors.models import Pause
from actors.operations import dead_letters, pauses
from actors.operations.broker import QueueFacts
from actors.operations.broker import queues as ask_broker
from actors.operations.dead_letters import DeadLetter
from actors.runtime import history

LETTERS = 100
"""So many dead letters stand on the page."""


@dataclass(frozen=True)
class Rest:
    """Somebody has paused it."""

    paused_at: datetime
    paused_by: str
    why: str


@dataclass(frozen=True)
class Queue:
    """One queue. What nobody tells is None: RabbitMQ's plugin is needed for it."""

    name: str
    ready: int
    unacked: int | None
    consumers: int
    oldest_s: float | None
    dead: int
    pause: Rest | None

    @property
    def is_abandoned(self) -> bool:
        """Does nobody take its messages, though nobody has paused it?"""
        return self.consumers == 0 and self.pause is None


@dataclass(frozen=True)
class Letter:
    """A dead letter."""

    key: str
    queue: str
    actor: str
    args: str
    attempts: int
    died_at: datetime | None
    error: str
    """Why it died, as far as the history knows."""

    problem: str
    """Why it cannot be sent again; empty: it can."""


@dataclass(frozen=True)
class Queues:
    """The page of queues. `problem`: the broker does not answer, and the numbers are `age_s` old, or missing."""

    queues: list[Queue]
    letters: list[Letter]
    actors: list[str]
    """Those whose letters are among them."""

    problem: str
    age_s: float | None


_queues: Watch[list[QueueFacts]] = Watch(ask_broker, "watch-queues")
_letters: Watch[list[DeadLetter]] = Watch(partial(dead_letters.find, limit=LETTERS), "watch-letters")


def queues() -> Queues:
    """As far as the broker tells, without waiting for it; paused queues are known in any case."""
    known, dead = known_queues(), Known[list[DeadLetter]]([])
    if any(queue.dead for queue in known.value or ()):
        dead = _letters.latest()
    rests = resting(pauses.QUEUE)
    errors = history.last_errors([letter.key for letter in dead.value or ()])
    return Queues(
        queues=[_queue(facts, rests.get(facts.name)) for facts in known.value or ()],
        letters=[_letter(letter, errors.get(letter.key, "")) for letter in dead.value or ()],
        actors=sorted({letter.actor for letter in dead.value or () if letter.actor}),
        problem=known.problem or dead.problem,
        age_s=known.age_s,
    )


def ask_anew() -> None:
    """After dead letters were sent again or dropped from here."""
    _queues.ask_anew()
    _letters.ask_anew()


def known_queues() -> Known[list[QueueFacts]]:
    """What the broker has told last."""
    return _queues.latest()


def resting(kind: Pause.Kind) -> dict[str, Rest]:
    """What is paused of a kind, by name."""
    return {pause.name: Rest(pause.paused_at, pause.paused_by, pause.why) for pause in Pause.objects.filter(kind=kind)}


def _queue(facts: QueueFacts, rest: Rest | None) -> Queue:
    return Queue(facts.name, facts.ready, facts.unacked, facts.consumers, facts.oldest_s, facts.dead, rest)


def _letter(letter: DeadLetter, error: str) -> Letter:
    died_at = letter.died_at or letter.sent_at
    return Letter(letter.key, letter.queue, letter.actor, letter.args, letter.attempts, died_at, error, letter.problem)
