"""The gauges of the schedule and of the queues, read when they are scraped; correct even without workers."""

from collections.abc import Iterator

from dramatiq.common import dq_name, xq_name

from actors import broker, pauses
from actors.operations.queries.runbook import console_url, runbook_url
from actors.operations.queries.schedule import ahead_s
from actors.operations.queries.schedule import schedule as entries
from config.database.in_force import differences, read_only_problem
from config.due.queue import database_now
from config.metrics.registry import BROKER, DATABASE, Value, reader, reading

LAST_TICK_TIMESTAMP_SECONDS = reading(
    "tillkeeper_schedule_last_tick_timestamp_seconds", "The due time of the latest tick that was fired.", "schedule"
)
LATENESS_SECONDS = reading(
    "tillkeeper_schedule_lateness_seconds",
    "How late the latest tick was fired, by the database's clock; 0 while the entry is paused.",
    "schedule",
)
OVERDUE_SECONDS = reading(
    "tillkeeper_schedule_overdue_seconds",
    "How long the next tick after that has been due; 0 if it is not, or while the entry is paused.",
    "schedule",
)
AHEAD_SECONDS = reading(
    "tillkeeper_schedule_ahead_seconds",
    "How far the newest tick lies in the future: above 0, the database's clock was set back.",
)
DATABASE_WRITABLE = reading("tillkeeper_database_writable", "1 if the database can be written, else 0.")
DATABASE_DIFFERENCES = reading(
    "tillkeeper_database_differences",
    "Properties of the connection (encoding, limits, TLS) that are not as the settings ask for.",
)
LINKS = reading("tillkeeper_links_info", "1; its labels are the addresses that alerts lead to.", "console", "runbook")
PAUSED_GAUGE = reading("tillkeeper_schedule_paused", "1 while an operator has paused the entry, else 0.", "schedule")
QUEUE_PAUSED_GAUGE = reading("tillkeeper_queue_paused", "1 while an operator has paused the queue, else 0.", "queue")
MESSAGES_GAUGE = reading(
    "tillkeeper_queue_messages", "Messages waiting in the queue; .XQ holds the dead letters of a week.", "queue"
)
EXISTS_GAUGE = reading(
    "tillkeeper_queue_exists", "1 if the broker has the queue, else 0; also of .DQ and .XQ.", "queue"
)
CONSUMERS_GAUGE = reading("tillkeeper_queue_consumers", "Number of processes that read the queue.", "queue")
OLDEST_SECONDS = reading(
    "tillkeeper_queue_oldest_seconds",
    "Wait of the message at its head; 0 if the queue is empty, no series without BROKER_METRICS_URL.",
    "queue",
)


@reader(DATABASE)
def schedule() -> Iterator[Value]:
    """Of every entry with a tick: a new one cannot be late, and a paused one is neither late nor overdue."""
    paused = pauses.paused(pauses.QUEUE)
    for queue in broker.queue_names():
        yield QUEUE_PAUSED_GAUGE, (queue,), float(queue in paused)
    for entry in entries():
        yield PAUSED_GAUGE, (entry.actor,), float(entry.pause is not None)
        if entry.last_at and entry.late_s is not None:
            yield LAST_TICK_TIMESTAMP_SECONDS, (entry.actor,), entry.last_at.timestamp()
            yield LATENESS_SECONDS, (entry.actor,), 0.0 if entry.pause else entry.late_s
        if entry.overdue_s is not None:
            yield OVERDUE_SECONDS, (entry.actor,), entry.overdue_s


@reader(DATABASE)
def database() -> Iterator[Value]:
    """Does the database do what the settings ask for?"""
    yield DATABASE_WRITABLE, (), float(read_only_problem() is None)
    yield DATABASE_DIFFERENCES, (), len(differences())
    yield AHEAD_SECONDS, (), ahead_s(database_now())


@reader(DATABASE)
def links() -> Iterator[Value]:
    """Rules are a static file: their annotations take the addresses from here."""
    yield LINKS, (console_url(), runbook_url()), 1.0


@reader(BROKER)
def queues() -> Iterator[Value]:
    """The series of all declared queues. Raises BrokerSilent."""
    for queue in broker.queues():
        for part in (queue.name, dq_name(queue.name), xq_name(queue.name)):
            yield EXISTS_GAUGE, (part,), float(part not in queue.missing)
        yield MESSAGES_GAUGE, (queue.name,), queue.ready
        yield MESSAGES_GAUGE, (xq_name(queue.name),), queue.dead
        yield CONSUMERS_GAUGE, (queue.name,), queue.consumers
        if queue.oldest_s is not None or not queue.ready:
            yield OLDEST_SECONDS, (queue.name,), queue.oldest_s or 0.0
