"""Health checks of workers and schedulers, and the port that serves them."""

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
from config.due import shutting_down
from config.health.liveness import CheckWithTimeout, HealthCheck, database_problem
from config.health.process import ProcessHealth
from config.health.server import Response, serve
from config.health.systemd import notify
from config.hosts import CannotListen
from config.messaging.broker import Rabbitmq
from config.metrics import files

log = logging.getLogger(__name__)

DEFAULT_LIMIT_MS = 600_000
"""Dramatiq's default for an actor without a time limit."""


class Probes(Middleware):
    """Checks the worker of a separate process. In the embedded mode the web's checks cover the worker threads."""

    def __init__(self) -> None:
        self.busy: dict[int, Busy] = {}

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Refuse a queue that is not declared: the worker would wait for it silently, for ever."""
        wanted, known = worker.consumer_whitelist or set(), broker.get_declared_queues()
        if unknown := sorted(wanted - known):
            raise SystemExit(f"There is no queue {', '.join(unknown)}: write --queues with {', '.join(sorted(known))}.")

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        from actors.runtime.missing import MissingQueues  # it needs models, and Dramatiq loads this module before them

        if isinstance(broker, Rabbitmq):
            for queue in worker.consumers:
                broker.heartbeats.beat(queue)
            missing = MissingQueues(worker)
            missing.start()
            report("worker", worker_health(broker, worker, self.busy, missing.problem), "METRICS_PORT")

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Not STOPPING=1: SIGHUP also ends the worker, and starts it again in the same unit."""
        notify("STATUS=finishing running jobs")

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
    """The job of a thread, its start (by this machine's monotonic clock), and its time limit."""

    actor: str
    limit_s: float
    since: float = field(default_factory=time.monotonic)

    @property
    def overrun_s(self) -> float:
        """Seconds beyond the time limit; negative if within it."""
        return time.monotonic() - self.since - self.limit_s


def report(name: str, health: ProcessHealth, port_setting: str, *sources: str) -> None:
    """Report to systemd and the log, and answer HTTP on the port in `port_setting` (0: no port).

    The metrics page also reads `sources` (`config.metrics.registry`). Of several processes of one worker, the first one
    answers: health checks for itself, metrics for all.
    """
    if files.is_first():
        open_port(port_setting, {**health.routes(), "/metrics": partial(metrics_page, *sources)})
    health.report(name)  # a supervisor that got READY may call the port


def open_port(setting: str, routes: Mapping[str, Callable[[], Response]]) -> None:
    """If the address cannot be had, log it and continue: the work matters more than its health checks."""
    port = getattr(settings, setting)
    try:
        if port:
            serve(settings.METRICS_HOST, port, routes)
    except CannotListen as error:
        wrong = "METRICS_HOST" if error.wrong_host else setting
        problem = f"{error}. There are no health checks and metrics here. Set another {wrong}."
        log.error("probes.no_port", extra={"problem": problem})


def worker_health(broker: Rabbitmq, worker: Worker, busy: Mapping[int, Busy], missing: HealthCheck) -> ProcessHealth:
    """Live: consumers send heartbeats, threads are idle or within their time limits. Ready: RabbitMQ and database
    answer."""
    return ProcessHealth(
        live={
            "consumers": lambda: consumers_problem(broker, worker),
            "threads": lambda: dead_threads_problem(worker),
            "jobs": lambda: overrun_problem(busy),
        },
        ready={
            "queues": lambda: queues_problem(broker, worker) or missing(),
            "database": CheckWithTimeout(database_problem),
        },
    )


def consumers_problem(broker: Rabbitmq, worker: Worker) -> str | None:
    """A consumer that waits for RabbitMQ still sends a heartbeat every few seconds."""
    if shutting_down.is_set():
        return None
    for queue, thread in worker.consumers.copy().items():
        if not thread.is_alive():
            return f"The thread that consumes {queue} is dead."
        if problem := broker.heartbeats.problem(queue, settings.STALL_LIMIT_S):
            return f"The thread that consumes {problem}"
    return None


def dead_threads_problem(worker: Worker) -> str | None:
    """The log says why a thread died. Its messages stay unacknowledged for ever."""
    dead = sum(not thread.is_alive() for thread in worker.workers)
    return f"{dead} of {len(worker.workers)} threads are dead." if dead and not shutting_down.is_set() else None


def overrun_problem(busy: Mapping[int, Busy]) -> str | None:
    """A time limit cannot interrupt a blocking call. The problem names the line where the job hangs."""
    for thread, job in dict(busy).items():
        if job.overrun_s > settings.STALL_LIMIT_S:
            return f"{job.actor} is {job.overrun_s:.0f} s beyond its time limit, at {_where(thread)}."
    return None


def queues_problem(broker: Rabbitmq, worker: Worker) -> str | None:
    """Every queue of this worker has a consumer with an open channel."""
    wanted = worker.consumer_whitelist or broker.get_declared_queues()
    known = broker.get_declared_queues() | broker.get_declared_delay_queues()
    ours = sorted(queue for queue in known if q_name(queue) in wanted)
    missing = [queue for queue in ours if not _attached(worker.consumers.get(queue))]
    return f"Nothing is consumed from {', '.join(missing)}." if missing else None


def _attached(thread: _ConsumerThread | None) -> bool:
    consumer: Any = thread.consumer if thread and thread.is_alive() else None
    return consumer is not None and consumer.connection.is_open and consumer.channel.is_open


def _where(thread: int) -> str:
    frame = _current_frames().get(thread)
    if frame is None:
        return "an unknown line"
    inner = traceback.extract_stack(frame)[-1]
    return f"{inner.filename}:{inner.lineno} ({inner.name})"
