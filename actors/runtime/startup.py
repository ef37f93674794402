"""The start of a process: its checks, and the signal that will stop it."""

import queue
import signal
from urllib.parse import urlsplit

import pika
from django.conf import settings

from config.health.liveness import database_problem
from config.hosts import host_and_port
from config.messaging.broker import with_defaults


def services_problems(*, broker: bool = True) -> list[str]:
    """For processes that run beside others: they need a database that is up to date, and a broker. Each problem is a
    sentence that says what to do."""
    problems = [database_problem(), _broker_problem() if broker else None]
    return [problem for problem in problems if problem]


def _broker_problem() -> str | None:
    if not settings.BROKER_URL:
        return "BROKER_URL is not set: separate processes need RabbitMQ between them. Set it, or use `make run`."
    address = urlsplit(settings.BROKER_URL)
    try:
        pika.BlockingConnection(pika.URLParameters(with_defaults(settings.BROKER_URL))).close()
    except Exception as error:  # a silent peer raises errors outside of pika's own tree
        where = host_and_port(address.hostname or "", address.port or 5672)
        return f"RabbitMQ at {where} does not answer ({type(error).__name__}); start it, or correct BROKER_URL."
    return None


def stop_signal() -> "queue.SimpleQueue[int]":
    """Return a queue that gets Ctrl-C and SIGTERM from now on; `get()` waits for the first of them.

    A threading.Event would not do: its lock is not reentrant. A signal that comes just before the main thread waits for
    the event would hang the process.
    """
    told: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: told.put(received))
    return told
