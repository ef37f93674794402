"""The job history: one row for each run that did something, with its place, duration and outcome.

An actor's result says what it did: the number of rows, or True. A run that did nothing (0, False, None) gets no row: an
idle shop runs some 100,000 sweeps a day.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import dramatiq
from django.conf import settings
from django.utils.translation import gettext as _

from actors.broker import send
from actors.models import Job, Redelivery, Worker
from actors.runtime import running
from actors.runtime.quarantine import Quarantined
from actors.runtime.recorder import recorder
from actors.runtime.running import Run
from config.actions import ActionRefused
from config.due import shutting_down
from config.due.queue import database_now
from config.errors.exception_text import summary, trace
from config.formats import storable
from config.messaging.broker import TooOld

Outcome = Job.Outcome

ERROR_CHARS = 300

TRACEBACK_CHARS = 20_000
"""The end of a traceback that is kept, because it names the error: some 200 frames."""

PRUNED_AT_ONCE = 2_000

OLDEST_MESSAGE = timedelta(days=8)
"""A redelivered message may wait in a paused queue, and a dead letter is kept for seven days."""


def record(run: Run, result: object, error: BaseException | None) -> None:
    """Record the end of a run: `result` says whether it did something, `error` that it failed."""
    if error is not None:
        _record_failure(run, error)
    elif result:
        recorder.offer(_row(run, Outcome.DONE))


def record_skipped(run: Run, why: BaseException | None) -> None:
    """The message was not run. A stale message gets a row only if it has arguments: the others asked for a sweep, and
    the next sweep comes anyway."""
    if isinstance(why, Quarantined):
        recorder.write_now(_row(run, Outcome.QUARANTINED, error=storable(str(why), ERROR_CHARS)))
    elif isinstance(why, TooOld) and (run.message.args or run.message.kwargs):
        recorder.offer(_row(run, Outcome.DROPPED))


def run_again(job: Job) -> str:
    """Send the job's message again, as a new one. Returns its id. Raises BrokerSilent, or ActionRefused if its actor is
    not declared any more or its arguments were too long to keep."""
    actor = dramatiq.get_broker().actors.get(job.actor)
    args = json.loads(job.args)
    if actor is None or not isinstance(args, list):
        raise ActionRefused(
            (
                _("%(actor)s cannot be run again: its arguments are gone")
                if actor
                else _("%(actor)s cannot be run again: no such actor")
            )
            % {"actor": job.actor}
        )
    kwargs = args.pop() if args and isinstance(args[-1], dict) else {}
    message = actor.message(*args, **kwargs)
    send(message)
    return str(message.message_id)


def prune(seconds: float) -> bool:
    """Delete jobs and workers older than JOB_HISTORY_DAYS, and old redeliveries. Returns True if there may be more."""
    ends_at, now = time.monotonic() + seconds, database_now()
    old = now - timedelta(days=settings.JOB_HISTORY_DAYS)
    Worker.objects.filter(seen_at__lt=old).delete()
    Redelivery.objects.filter(started_at__lt=now - OLDEST_MESSAGE).delete()
    jobs, full = Job.objects.filter(ended_at__lt=old), True
    while full and time.monotonic() < ends_at and not shutting_down.is_set():
        batch = list(jobs.order_by("ended_at").values_list("pk", flat=True)[:PRUNED_AT_ONCE])
        full = jobs.filter(pk__in=batch).delete()[0] == PRUNED_AT_ONCE
    return full


def _record_failure(run: Run, error: BaseException) -> None:
    """Write the last failure before the message becomes a dead letter, which keeps no traceback."""
    details = {
        "error": storable(summary(error), ERROR_CHARS),
        "traceback": storable(trace(error)[-TRACEBACK_CHARS:], TRACEBACK_CHARS),
    }
    if run.message.failed:
        recorder.write_now(_row(run, Outcome.FAILED, **details))
    else:
        recorder.offer(_row(run, Outcome.RETRIED, **details))


def _row(run: Run, outcome: Outcome, **details: Any) -> Job:
    return Job(
        message_id=run.message_id,
        actor=storable(run.message.actor_name, 64),
        queue=storable(run.message.queue_name, 64),
        args=run.args,
        attempt=run.attempt,
        outcome=outcome,
        began_at=run.began_at,
        ended_at=datetime.now(UTC),
        waited_s=run.waited_s,
        worker=running.worker_name(),
        **details,
    )
