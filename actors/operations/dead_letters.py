"""Dead letters: messages that no worker will run any more. A person can inspect them, send them again or drop them.

RabbitMQ keeps them in `<queue>.XQ` for seven days. They are read without being acknowledged. Closing the channel gives
back each one that was not sent again or dropped, to its place; if this process dies, the broker does the same. So none
is lost. A dead letter is acknowledged only after its new message was confirmed: a crash between the two sends it twice,
which costs a check.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import dramatiq
from django.utils.translation import gettext_noop
from dramatiq.common import xq_name
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from actors.broker import Message, channel, publish, queue_names
from actors.models import Job
from config.formats import printable
from config.formats.sentences import stored
from config.messaging.broker import InMemory

log = logging.getLogger(__name__)

SHOWN_CHARS = 300
"""Longest part shown of a body that cannot be read."""

FIND_LIMIT = 1_000
"""Dead letters read at once for a list."""


NO_ACTOR = stored(gettext_noop("no such actor"))
UNREADABLE = stored(gettext_noop("it cannot be read: %(error)s"))


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter. All text is on one line, bounded and printable."""

    key: str
    """The message id, or a hash of the body if it has none."""

    queue: str
    actor: str
    args: str
    attempts: int
    sent_at: datetime | None
    died_at: datetime | None
    """RabbitMQ's time, to the second."""

    problem: str
    """Why it cannot be sent again; empty if it can."""

    error: str = ""
    """Its last error, filled in by `with_errors`."""

    @property
    def dead_since(self) -> datetime | None:
        """When it died, or, if the broker does not say, when it was sent."""
        return self.died_at or self.sent_at


@dataclass(frozen=True)
class DeadLetterFilter:
    """A choice of dead letters; an empty field matches all. `older_than` counts from their death."""

    key: str = ""
    queue: str = ""
    actor: str = ""
    older_than: timedelta | None = None

    def takes(self, letter: DeadLetter, now: datetime) -> bool:
        """Does the filter match?"""
        died_at = letter.dead_since
        return (
            self.key in ("", letter.key)
            and self.queue in ("", letter.queue)
            and self.actor in ("", letter.actor)
            and (self.older_than is None or (died_at is not None and now - died_at >= self.older_than))
        )


ALL = DeadLetterFilter()

Send = Callable[[Message], object]
Verdict = Callable[[DeadLetter, bytes, Send], bool]
"""Is a dead letter finished? It then leaves its queue. `Send` puts a message into its queue, or raises."""


def find(which: DeadLetterFilter = ALL, limit: int = FIND_LIMIT) -> list[DeadLetter]:
    """The matching dead letters, up to `limit`, the oldest of each queue first. Raises BrokerSilent."""
    found: list[DeadLetter] = []

    def note(letter: DeadLetter, body: bytes, send: Send) -> bool:
        if len(found) < limit:
            found.append(letter)
        return False

    _go_through(which, note, lambda: len(found) >= limit)
    return found


def with_errors(letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    """Each with its last error from the history; the dead letter itself does not hold it."""
    given_up = Job.objects.filter(message_id__in=[letter.key for letter in letters], outcome__in=Job.GIVEN_UP)
    errors = {job.message_id: job.error for job in given_up.order_by("ended_at").only("message_id", "error")}
    return [replace(letter, error=errors.get(letter.key, "")) for letter in letters]


def drop(which: DeadLetterFilter) -> int:
    """Delete the matching dead letters. Returns how many there were. Raises BrokerSilent."""

    def verdict(letter: DeadLetter, body: bytes, send: Send) -> bool:
        log.warning("letter.dropped", extra={"letter": letter.key, "actor_of_letter": letter.actor})
        return True

    return _go_through(which, verdict)


def send_again(which: DeadLetterFilter) -> int:
    """Send the matching dead letters again, each as a new message with a clean record. Returns how many.

    Those that cannot be sent again (`problem`) stay, and those not sent before it raises BrokerSilent.
    """
    broker = dramatiq.get_broker()

    def verdict(letter: DeadLetter, body: bytes, send: Send) -> bool:
        if letter.problem:
            return False
        old = json.loads(body)
        message = broker.actors[old["actor_name"]].message(*old["args"], **old["kwargs"])
        send(message)
        log.warning("letter.sent_again", extra={"letter": letter.key, "sent_as": message.message_id})
        return True

    return _go_through(which, verdict)


def _go_through(which: DeadLetterFilter, verdict: Verdict, enough: Callable[[], bool] = lambda: False) -> int:
    """Judge each matching dead letter once. Returns how many left their queue."""
    broker, gone = dramatiq.get_broker(), 0
    for queue in queue_names():
        if which.queue in ("", queue) and not enough():
            if isinstance(broker, InMemory):
                gone += _judge_in_memory(broker, queue, which, verdict)
            else:
                gone += _judge_in_rabbitmq(queue, which, verdict, enough)
    return gone


def _judge_in_rabbitmq(queue: str, which: DeadLetterFilter, verdict: Verdict, enough: Callable[[], bool]) -> int:
    """Closing the channel gives back all unacknowledged messages, each to its place."""
    gone, now = 0, datetime.now(UTC)
    with channel() as taking:
        for tag, headers, body in _each(taking, xq_name(queue)):
            letter = read(body, queue, _died_at(headers))
            if which.takes(letter, now) and verdict(letter, body, partial(publish, taking)):
                taking.basic_ack(tag)
                gone += 1
            if enough():
                break
    return gone


def _each(taking: BlockingChannel, queue: str) -> Iterator[tuple[int, dict[str, Any], bytes]]:
    """The messages that are there at the start; the next call sees later ones."""
    try:
        count = taking.queue_declare(queue, passive=True).method.message_count
    except ChannelClosedByBroker:
        return
    for _ in range(count):
        method, properties, body = taking.basic_get(queue)
        if method is None:
            return
        yield method.delivery_tag, properties.headers or {}, body


def _judge_in_memory(broker: InMemory, queue: str, which: DeadLetterFilter, verdict: Verdict) -> int:
    letters, gone, now = broker.dead_letters_by_queue[queue], 0, datetime.now(UTC)
    for message in list(letters):
        letter = read(body := message.encode(), queue, None)
        if which.takes(letter, now) and verdict(letter, body, broker.enqueue):
            letters.remove(message)
            gone += 1
    return gone


def read(body: bytes, queue: str, died_at: datetime | None) -> DeadLetter:
    """A dead letter, for any body."""
    unknown = hashlib.sha256(body).hexdigest()[:16]
    try:
        message = dramatiq.get_encoder().decode(body)
    except Exception as error:
        shown = _short(body[: 4 * SHOWN_CHARS].decode("utf-8", "backslashreplace"))
        return DeadLetter(unknown, queue, "", shown, 0, None, died_at, _short(UNREADABLE % {"error": error}))
    named = [message["kwargs"]] if message["kwargs"] else []
    return DeadLetter(
        key=_short(message["message_id"]) or unknown,
        queue=queue,
        actor=_short(message["actor_name"]),
        args=_short(json.dumps([*message["args"], *named])),
        attempts=message["options"].get("retries", 0),
        sent_at=_moment(message["message_timestamp"]),
        died_at=died_at,
        problem="" if message["actor_name"] in dramatiq.get_broker().actors else NO_ACTOR,
    )


def _died_at(headers: dict[str, Any]) -> datetime | None:
    """RabbitMQ records, to the second, when it moved a message here."""
    deaths = headers.get("x-death") or [{}]
    at = deaths[0].get("time") if isinstance(deaths[0], dict) else None
    return at.replace(tzinfo=UTC) if isinstance(at, datetime) else None


def _moment(milliseconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _short(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= SHOWN_CHARS else shown[: SHOWN_CHARS - 1] + "…"
