"""Messages that end their worker: out of memory, a crash in C code, a kill by the operator.

Retry counters never see that: RabbitMQ simply delivers the message again, for ever. The rule here:

* A message that comes for the first time costs nothing: nothing is written about its start.
* One that the broker had delivered before (`redelivered`) has, perhaps, ended its worker once. From now on each of its
  starts is a row (`Redelivery`), which the end of that run deletes, whatever the outcome.
* A start without an end is a death if its worker has given no sign of life since (SILENT_BEATS) and did not stop
  properly. Where the verdict depends on it, the verdict waits for that long.
* At the third death (DEATHS_ALLOWED, as for rows) it is not run any more. It becomes a dead letter and a job with the
  outcome *quarantined*; `jobs retry` releases it, with a clean record.

A restart of the broker, a connection that breaks or a deployment redeliver messages by the hundred, but their workers
live or have stopped properly: none of that is a death. A message that happened to run beside the culprit, three times,
is quarantined with it. That costs nothing but the nudge: its rows are still due, and counted by `claims`.
"""

import logging
import time
from datetime import timedelta

from dramatiq.broker import MessageProxy
from dramatiq.middleware import SkipMessage

from actors.models import Redelivery, Worker
from actors.runtime import heartbeat
from actors.runtime.running import worker_name
from config.due.queue import DEATHS_ALLOWED, database_now
from config.due.shutdown import shutting_down
from config.formats.text import storable

log = logging.getLogger(__name__)

SILENT_BEATS = 3
"""A worker that has been silent for so many beats is gone."""


class Quarantined(SkipMessage):
    """The message has ended its worker too often."""


def note_start(message: MessageProxy) -> None:
    """Write down that a redelivered message is begun. Raises Quarantined, and fails it, if it must not be."""
    if deaths(_key(message)) >= DEATHS_ALLOWED:
        log.error("message.quarantined", extra={"deaths": DEATHS_ALLOWED})
        message.fail()
        raise Quarantined(f"it ended its worker {DEATHS_ALLOWED} times")
    Redelivery.objects.create(message_id=_key(message), worker=worker_name())


def note_end(message: MessageProxy) -> None:
    """It came to an end, whatever that was: nothing is held against it."""
    Redelivery.objects.filter(message_id=_key(message)).delete()


def deaths(message_id: str) -> int:
    """How many workers a redelivered message has ended, as far as is known: one, and those that never came back."""
    starters = list(
        Redelivery.objects.filter(message_id=message_id).exclude(worker=worker_name()).values_list("worker", flat=True)
    )
    if 1 + len(starters) >= DEATHS_ALLOWED:
        _wait_for_heartbeats(starters)
    gone = set(starters) - _not_dead(starters)
    return 1 + sum(starter in gone for starter in starters)


def silence_limit() -> timedelta:
    """A worker that was not seen for longer is gone."""
    return timedelta(seconds=SILENT_BEATS * heartbeat.BEAT_S)


def _wait_for_heartbeats(workers: list[str]) -> None:
    """Whoever died a moment ago was seen a moment ago; a beat or two tell. A worker told to end does not wait."""
    asked_at = database_now()
    deadline = time.monotonic() + silence_limit().total_seconds()
    while time.monotonic() < deadline and not shutting_down.is_set():
        told = Worker.objects.filter(name__in=workers, stopped_at=None, seen_at__lte=asked_at)
        if not told.filter(seen_at__gt=database_now() - silence_limit()).exists():
            return
        time.sleep(0.2)


def _not_dead(workers: list[str]) -> set[str]:
    known = Worker.objects.filter(name__in=workers)
    alive = known.filter(stopped_at=None, seen_at__gt=database_now() - silence_limit())
    stopped = known.filter(stopped_at__isnull=False)
    return set(alive.values_list("name", flat=True)) | set(stopped.values_list("name", flat=True))


def _key(message: MessageProxy) -> str:
    return storable(message.message_id, 64)
