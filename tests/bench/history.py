"""What the history costs: the same work through a worker that records what it does, and through one that does not.

Run as a process of its own, on the database that DATABASE_URL names; prints one JSON object per pair of rounds. The
order within a pair changes, so that neither is always the first.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import django
import dramatiq

django.setup()

from actors.models import Job  # noqa: E402
from actors.runtime.middleware import JobHistory  # noqa: E402 (models can be imported once Django is set up)
from actors.runtime.recorder import recorder  # noqa: E402
from billing.models import Payment  # noqa: E402
from config.due.queue import database_now  # noqa: E402
from tests.bench.checks import write_payments  # noqa: E402

JOBS = 1_000


@dramatiq.actor(queue_name="urgent")
def nothing_else() -> int:
    """A job that says that it did something."""
    return 1


def main(payments: int, rounds: int) -> None:
    """Pairs of rounds, the first to warm up."""
    write_payments(payments)
    worker = dramatiq.Worker(dramatiq.get_broker(), worker_threads=8, worker_timeout=100)
    worker.start()
    for what, work in (("checks", lambda: check(payments)), ("jobs", lambda: do_jobs(JOBS))):
        for number in range(rounds + 1):
            order = (True, False) if number % 2 else (False, True)
            seconds = {recorded: measure(work, recorded) for recorded in order}
            if number:
                found = {"what": what, "with_s": seconds[True], "without_s": seconds[False]}
                print(json.dumps(found), flush=True)
    worker.stop()


def measure(work: Callable[[], None], recorded: bool) -> float:
    """Seconds, with the rows of the round written."""
    broker = dramatiq.get_broker()
    history = next(each for each in broker.middleware if isinstance(each, JobHistory))
    place = broker.middleware.index(history)
    Job.objects.all().delete()
    if not recorded:
        broker.middleware.remove(history)
    started = time.perf_counter()
    try:
        work()
        recorder.flush(60)
    finally:
        if not recorded:
            broker.middleware.insert(place, history)
    seconds = time.perf_counter() - started
    assert Job.objects.exists() == recorded
    return seconds


def check(payments: int) -> None:
    """A sweep over due payments, handed on as the schedule would."""
    now = database_now()
    Payment.objects.update(next_check_at=now - timedelta(seconds=1), created_at=now)
    broker = dramatiq.get_broker()
    while Payment.objects.filter(next_check_at__lte=database_now()).exists():
        broker.get_actor("check_pending_payments").send("sandbox")
        broker.join("urgent")


def do_jobs(count: int) -> None:
    """Messages as quickly as the threads take them."""
    for _ in range(count):
        nothing_else.send()
    dramatiq.get_broker().join("urgent")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
