"""A worker that falls ill when it gets SIGUSR1, for `test_probes`: `python -m tests.system.sick_worker <how>`.

Otherwise it is a worker like any other: the same broker, queues, actors and probes.
"""

import os
import signal
import sys
import time

import django

SIGNALS = {signal.SIGUSR1, signal.SIGTERM}
ENDLESS_S = 3600.0
CUSTOMER = ("Ann Smith", "ann@example.com", "1 Main Street")


def main(illness: str) -> None:
    """Work until SIGTERM."""
    # Blocked in every thread and waited for here, so that none is missed that comes in between.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    django.setup()
    import dramatiq

    broker = dramatiq.get_broker()
    dramatiq.actor(actor_name="stuck", queue_name="urgent", time_limit=1_000)(lambda: time.sleep(ENDLESS_S))
    dramatiq.actor(actor_name="broken", queue_name="urgent", max_retries=2, min_backoff=50, time_limit=9_000)(_broken)
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_threads=2)
    worker.start()
    while signal.sigwait(SIGNALS) == signal.SIGUSR1:
        ILLNESSES[illness](worker)
    worker.stop(timeout=1_000)


def _broken(order: int) -> None:
    """Fails at every attempt, with words that nobody else may read, and local variables too."""
    password, (name, email, address) = os.environ["SECRET_KEY"], CUSTOMER
    raise ValueError(f"no order {order} of '{name}' <{email}>, {password}\n{address}")


def _consumer_dies(worker) -> None:  # type: ignore[no-untyped-def]
    """Something beyond Exception ends the thread; the process lives on and consumes nothing from this queue."""
    worker.consumers["urgent"].handle_delayed_messages = sys.exit


def _consumer_hangs(worker) -> None:  # type: ignore[no-untyped-def]
    """It never comes back from what it does between two messages."""
    worker.consumers["urgent"].handle_delayed_messages = lambda: time.sleep(ENDLESS_S)


def _thread_dies(worker) -> None:  # type: ignore[no-untyped-def]
    """Of a bug outside of what Dramatiq guards."""
    worker.workers[0].work_queue = None


def _job_breaks(worker) -> None:  # type: ignore[no-untyped-def]
    worker.broker.get_actor("broken").send(4711)


def _job_hangs(worker) -> None:  # type: ignore[no-untyped-def]
    """In a call that no time limit can interrupt."""
    worker.broker.get_actor("stuck").send()


ILLNESSES = {
    "consumer_dies": _consumer_dies,
    "consumer_hangs": _consumer_hangs,
    "thread_dies": _thread_dies,
    "job_breaks": _job_breaks,
    "job_hangs": _job_hangs,
}

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main(sys.argv[1])
