"""Quarantine: stops messages that end their worker (out of memory, a crash in C code, a kill by the operator).

Retry counters never see such a death: RabbitMQ delivers the message again, for ever. The rules:

* A message that comes for the first time costs nothing: its start is not recorded.
* A message that the broker has delivered before (`redelivered`) may have ended its worker once. From now on each of its
  starts is a row (`Redelivery`). The end of that run deletes the row, with any outcome.
* A start without an end is a death if its worker did not stop properly and has sent no heartbeat since (SILENT_BEATS).
  If the decision depends on it, the decision waits that long.
* After the third death (DEATHS_ALLOWED, as for rows) the message is not run any more. It becomes a dead letter and a
  job with the outcome *quarantined*. `jobs retry` releases it, with a clean record.

A broker restart, a broken connection or a deployment redelivers messages by the hundred. Their workers live or have
stopped properly, so none of that is a death. A message that ran beside the culprit three times is quarantined with it.
That costs only the nudge: its rows are still due, and counted by `claims`.
"""

import logging
import time
from datetime import timedelta

from django.db.models import Q
from dramatiq.broker import MessageProxy
from dramatiq.middleware import SkipMessage

from actors.models import Redelivery, Worker
from actors.runtime import heartbeat
from actors.runtime.running import worker_name
from config.due import shutting_down
from config.due.queue import DEATHS_ALLOWED, database_now
from config.formats import storable

log = logging.getLogger(__name__)

SILENT_BEATS = 3
"""A worker that misses this many heartbeats is dead."""


class Quarantined(SkipMessage):
    """The message has ended its worker too often."""


def note_start(message: MessageProxy) -> None:
    """Record the start of a redelivered message. Raises Quarantined, and fails the message, if it must not run."""
    if deaths(_key(message)) >= DEATHS_ALLOWED:
        log.error("message.quarantined", extra={"deaths": DEATHS_ALLOWED})
        message.fail()
        raise Quarantined(f"it ended its worker {DEATHS_ALLOWED} times")
    Redelivery.objects.create(message_id=_key(message), worker=worker_name())


def note_end(message: MessageProxy) -> None:
    """The run has ended: forget its start."""
    Redelivery.objects.filter(message_id=_key(message)).delete()


def deaths(message_id: str) -> int:
    """The known number of workers that this redelivered message has ended: the first, and each start without an end."""
    starters = list(
        Redelivery.objects.filter(message_id=message_id).exclude(worker=worker_name()).values_list("worker", flat=True)
    )
    if 1 + len(starters) >= DEATHS_ALLOWED:
        _wait_for_heartbeats(starters)
    gone = set(starters) - _not_dead(starters)
    return 1 + sum(starter in gone for starter in starters)


def silence_limit() -> timedelta:
    """A worker without a heartbeat for longer is dead."""
    return timedelta(seconds=SILENT_BEATS * heartbeat.BEAT_S)


def _wait_for_heartbeats(workers: list[str]) -> None:
    """A worker that died just now has a recent heartbeat, so wait until one is missing. A stopping worker does not
    wait."""
    asked_at = database_now()
    deadline = time.monotonic() + silence_limit().total_seconds()
    while time.monotonic() < deadline and not shutting_down.is_set():
        told = Worker.objects.filter(name__in=workers, stopped_at=None, seen_at__lte=asked_at)
        if not told.filter(seen_at__gt=database_now() - silence_limit()).exists():
            return
        time.sleep(0.2)


def _not_dead(workers: list[str]) -> set[str]:
    stopped, beats = Q(stopped_at__isnull=False), Q(seen_at__gt=database_now() - silence_limit())
    return set(Worker.objects.filter(stopped | beats, name__in=workers).values_list("name", flat=True))


def _key(message: MessageProxy) -> str:
    return storable(message.message_id, 64)
