"""Whoever watches a worker or a scheduler: what they are told, and where they may ask."""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from sys import _current_frames
from typing import Any

from django.conf import settings
from dramatiq import Broker, Worker
from dramatiq.broker import MessageProxy
from dramatiq.common import q_name
from dramatiq.middleware import Middleware
from dramatiq.worker import _ConsumerThread

from actors.metrics.page import metrics_page
from config.due.shutdown import shutting_down
from config.health.process import ProcessHealth
from config.health.server import Response, serve
from config.health.systemd import notify
from config.health.timeouts import CheckWithTimeout
from config.health.views import closing_database_problem
from config.messaging.broker import Rabbitmq
from config.metrics import files

log = logging.getLogger(__name__)

DEFAULT_LIMIT_MS = 600_000
"""Dramatiq's own, of an actor that names no time limit."""


class Probes(Middleware):
    """Watches the worker of a process of its own; the threads of the embedded mode are watched with their web."""

    def __init__(self) -> None:
        self.busy: dict[int, Busy] = {}

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """A queue that nobody declares would be waited for in silence, for ever."""
        wanted, known = worker.consumer_whitelist or set(), broker.get_declared_queues()
        if unknown := sorted(wanted - known):
            raise SystemExit(f"There is no queue {', '.join(unknown)}: write --queues with {', '.join(sorted(known))}.")

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        if isinstance(broker, Rabbitmq):
            for queue in worker.consumers:
                broker.turns.note(queue)
            watch("worker", signs_of_worker(broker, worker, self.busy), "METRICS_PORT")

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Not STOPPING=1: the worker may also end to be started anew by SIGHUP, in the same unit."""
        notify("STATUS=finishing what was begun")

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        limit_ms = broker.get_actor(message.actor_name).options.get("time_limit", DEFAULT_LIMIT_MS)
        self.busy[threading.get_ident()] = Busy(message.actor_name, limit_ms / 1000)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        self.busy.pop(threading.get_ident(), None)

    after_skip_message = after_process_message


@dataclass(frozen=True)
class Busy:
    """What a thread works on, since when (by this machine's clock), and how long it may take."""

    actor: str
    limit_s: float
    since: float = field(default_factory=time.monotonic)

    @property
    def overrun_s(self) -> float:
        """So far beyond its time limit; below zero: within it."""
        return time.monotonic() - self.since - self.limit_s


def watch(name: str, signs: ProcessHealth, port_setting: str, *sources: str) -> None:
    """Tell systemd and the log from now on, and answer on the port of that setting (0: nobody asks).

    `sources` are what the page of metrics reads beside what was counted (`config.metrics.registry`). Of several
    processes of one worker the first answers, for itself about its life, and for all in its metrics.
    """
    if files.is_first():
        open_port(port_setting, {**signs.routes(), "/metrics": partial(metrics_page, *sources)})
    signs.tell(name)  # whoever hears READY may ask the port


def open_port(setting: str, routes: Mapping[str, Callable[[], Response]]) -> None:
    """The work is worth more than the answers about it: where the port is taken, it goes on without."""
    port = getattr(settings, setting)
    try:
        if port:
            serve(settings.METRICS_HOST, port, routes)
    except OSError as error:
        where = f"{settings.METRICS_HOST}:{port}"
        problem = f"{where} cannot be used ({error.strerror}): nobody can ask this process. Set another {setting}."
        log.error("probes.no_port", extra={"problem": problem})


def signs_of_worker(broker: Rabbitmq, worker: Worker, busy: Mapping[int, Busy]) -> ProcessHealth:
    """Live: each queue is asked, and each thread is idle or within its time limit. Ready: RabbitMQ and database are."""
    return ProcessHealth(
        live={
            "consumers": lambda: consumers_problem(broker, worker),
            "threads": lambda: dead_threads_problem(worker),
            "jobs": lambda: overrun_problem(busy),
        },
        ready={
            "queues": lambda: queues_problem(broker, worker),
            "database": CheckWithTimeout(closing_database_problem),
        },
    )


def consumers_problem(broker: Rabbitmq, worker: Worker) -> str | None:
    """A consumer that waits for RabbitMQ comes round all the same, every few seconds."""
    if shutting_down.is_set():
        return None
    for queue, thread in worker.consumers.copy().items():
        if not thread.is_alive():
            return f"The thread that consumes {queue} is dead."
        if problem := broker.turns.problem(queue, settings.STALL_LIMIT_S):
            return f"The thread that consumes {problem}"
    return None


def dead_threads_problem(worker: Worker) -> str | None:
    """What a thread died of stands in the log; what it held waits for ever without an acknowledgement."""
    dead = sum(not thread.is_alive() for thread in worker.workers)
    return f"{dead} of {len(worker.workers)} threads are dead." if dead and not shutting_down.is_set() else None


def overrun_problem(busy: Mapping[int, Busy]) -> str | None:
    """A time limit cannot interrupt a call that blocks. Where such a job stands is logged with it."""
    for thread, job in dict(busy).items():
        if job.overrun_s > settings.STALL_LIMIT_S:
            return f"{job.actor} is {job.overrun_s:.0f} s beyond its time limit, at {_where(thread)}."
    return None


def queues_problem(broker: Rabbitmq, worker: Worker) -> str | None:
    """Every queue that this worker is there for has a consumer that RabbitMQ knows of."""
    wanted = worker.consumer_whitelist or broker.get_declared_queues()
    known = broker.get_declared_queues() | broker.get_declared_delay_queues()
    mine = sorted(queue for queue in known if q_name(queue) in wanted)
    missing = [queue for queue in mine if not _attached(worker.consumers.get(queue))]
    return f"Nothing is consumed from {', '.join(missing)}." if missing else None


def _attached(thread: _ConsumerThread | None) -> bool:
    consumer: Any = thread.consumer if thread and thread.is_alive() else None
    return consumer is not None and consumer.connection.is_open and consumer.channel.is_open


def _where(thread: int) -> str:
    frame = _current_frames().get(thread)
    if frame is None:
        return "no place"
    inner = traceback.extract_stack(frame)[-1]
    return f"{inner.filename}:{inner.lineno} ({inner.name})"
