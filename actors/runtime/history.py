"""The job history: one row for each run that did something, with its place, duration and outcome.

An actor's result says what it did: the number of rows, or True. A run that did nothing (0, False, None) gets no row: an
idle shop runs some 100,000 sweeps a day.
"""

import json
import traceback
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import dramatiq
from django.db.models import QuerySet

from actors.broker import send
from actors.models import Job
from actors.runtime import running
from actors.runtime.quarantine import Quarantined
from actors.runtime.recorder import recorder
from actors.runtime.running import Run
from config.actions import ActionRefused
from config.formats import storable
from config.messaging.broker import TooOld

Outcome = Job.Outcome

ERROR_CHARS = 300

TRACEBACK_CHARS = 20_000
"""The end of a traceback that is kept: some 200 frames."""


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


def runs(
    *, actor: str = "", outcome: str = "", message_id: str = "", since: datetime | None = None, limit: int = 50
) -> list[Job]:
    """The latest runs, newest first, up to `limit`. An empty filter matches everything."""
    wanted = {"actor": actor, "outcome": outcome, "message_id": message_id, "ended_at__gte": since}
    found: QuerySet[Job] = Job.objects.filter(**{name: value for name, value in wanted.items() if value})
    return list(found.order_by("-ended_at", "-id")[:limit])


def last_errors(message_ids: Collection[str]) -> dict[str, str]:
    """The last error of each message that was given up; the dead letter itself does not hold it."""
    given_up = Job.objects.filter(message_id__in=message_ids, outcome__in=Job.GIVEN_UP)
    return dict(given_up.order_by("ended_at").values_list("message_id", "error"))


def run_again(job: Job) -> str:
    """Send the job's message again, as a new one. Returns its id.

    Raises ActionRefused if its actor is not declared any more or its arguments were too long to keep, and BrokerSilent
    if the broker does not take it.
    """
    actor = dramatiq.get_broker().actors.get(job.actor)
    args = json.loads(job.args)
    if actor is None or not isinstance(args, list):
        raise ActionRefused(
            f"{job.actor} cannot be run again: " + ("its arguments are gone" if actor else "no such actor")
        )
    kwargs = args.pop() if args and isinstance(args[-1], dict) else {}
    message = actor.message(*args, **kwargs)
    send(message)
    return str(message.message_id)


def _record_failure(run: Run, error: BaseException) -> None:
    """Write the last failure before the message becomes a dead letter, which keeps no traceback."""
    details = {
        "error": storable(f"{type(error).__name__}: {error}".rstrip(": "), ERROR_CHARS),
        "traceback": _traceback(error, TRACEBACK_CHARS),
    }
    if run.message.failed:
        recorder.write_now(_row(run, Outcome.FAILED, **details))
    else:
        recorder.offer(_row(run, Outcome.RETRIED, **details))


def _traceback(error: BaseException, limit: int) -> str:
    """The end of the traceback, which names the error."""
    return storable("".join(traceback.format_exception(error))[-limit:], limit)


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
