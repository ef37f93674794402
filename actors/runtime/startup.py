"""The start of a process: its checks, and the signal that will stop it."""

import logging
import queue
import signal

import pika
from django.conf import settings
from django.db import Error

from config.database.in_force import differences
from config.health.liveness import database_problem
from config.messaging import address
from config.messaging.broker import CONNECTION

log = logging.getLogger(__name__)


def services_problems(*, broker: bool = True) -> list[str]:
    """For processes that run beside others: they need a database that is up to date, and a broker. Each problem is a
    sentence that says what to do."""
    problems = [database_problem(), _database_differs(), _broker_problem() if broker else None]
    return [problem for problem in problems if problem]


def _database_differs() -> str | None:
    """A database that cannot hold the shop's data stops the start. Lost limits and TLS are only logged."""
    try:
        found = differences()
    except Error:
        return None  # `database_problem` says it
    for each in found:
        level = logging.ERROR if each.stops_the_start else logging.WARNING
        log.log(level, "database.differs", extra={"subject": each.subject, "problem": each.problem})
    return next((f"{one.subject}: {one.problem}. {one.advice}" for one in found if one.stops_the_start), None)


def _broker_problem() -> str | None:
    if not settings.BROKER_URL:
        return "BROKER_URL is not set: separate processes need RabbitMQ between them. Set it, or use `make run`."
    try:
        pika.BlockingConnection(address.ours(defaults=CONNECTION)).close()
    except Exception as error:  # a silent peer raises errors outside of pika's own tree
        why = type(error).__name__
        return f"RabbitMQ at {address.where()} does not answer ({why}); start it, or correct BROKER_URL."
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
