"""Dramatiq's own series, without their faults, and ours beside them.

Names, labels and buckets are those of `dramatiq.middleware.prometheus`, so that dashboards made for it still work. Each
of its hooks had to change. Here a retry is counted once, and not again after its delay. A delayed message leaves the
gauge when it is due. No label holds a process id. An unknown actor name, which may come from a forged message, becomes
`unknown`. An early import of prometheus_client empties no page.
"""

import os
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from dramatiq import Broker, Worker
from dramatiq.broker import MessageProxy
from dramatiq.common import current_millis, q_name
from dramatiq.message import Message
from dramatiq.middleware import Middleware

from config.messaging.clock import clock
from config.metrics import files
from config.metrics.registry import counter, gauge, histogram

LABELS = ("queue_name", "actor_name")
DURATION_BUCKETS_MS = (
    *(5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000, 30_000, 60_000, 600_000, 900_000),
)
MAX_WAIT_S = 86_400
"""None of our messages waits longer. A longer wait is forged and must not spoil the sum."""

GONE_AFTER_MS = 5_000
"""A delayed message that is overdue for longer is at another worker: the connection to the broker was lost."""

MESSAGES_TOTAL = counter("dramatiq_messages_total", "The total number of messages processed.", *LABELS)
ERRORS_TOTAL = counter("dramatiq_message_errors_total", "The total number of errored messages.", *LABELS)
RETRIES_TOTAL = counter("dramatiq_message_retries_total", "The total number of retried messages.", *LABELS)
REJECTS_TOTAL = counter("dramatiq_message_rejects_total", "The total number of dead-lettered messages.", *LABELS)
IN_PROGRESS_GAUGE = gauge(
    "dramatiq_messages_inprogress", "The number of messages in progress.", *LABELS, of_several="livesum"
)
DELAYED_GAUGE = gauge(
    "dramatiq_delayed_messages_inprogress",
    "The number of delayed messages in memory.",
    *LABELS,
    of_several="livesum",
)
DURATION_MILLISECONDS = histogram(
    "dramatiq_message_duration_milliseconds",
    "The time spent processing messages.",
    *LABELS,
    buckets=DURATION_BUCKETS_MS,
)
WAIT_SECONDS = histogram(
    "tillkeeper_message_wait_seconds",
    "From when a message could run (sent, or its delay over) until a thread began.",
    *("queue", "actor"),
)
OUTCOMES_TOTAL = counter(
    "tillkeeper_messages_total",
    "Outcomes of messages: done, retried (it failed and will run again), failed (a dead letter), dropped (too old).",
    *("queue", "actor", "outcome"),
)
LAST_SUCCESS_TIMESTAMP_SECONDS = gauge(
    "tillkeeper_actor_last_success_timestamp_seconds",
    "When the actor last ended without an error, in this worker.",
    *("actor",),
    of_several="max",
)


@dataclass(frozen=True)
class _Delayed:
    """A message in this process's memory: its labels, its due time, and the latest time that it can still be here."""

    names: tuple[str, str]
    due_ms: int
    gone_ms: int


class Prometheus(Middleware):
    """Stands first in the list, before all middleware that skips messages: each start has its end."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._delayed: dict[str, _Delayed] = {}
        self._delays = threading.Lock()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        files.forget(os.getpid())

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        names = _names(broker, message)
        wanted_ms = message.options.get("requeue_timestamp", message.message_timestamp)
        WAIT_SECONDS.labels(*names).observe(min(max(0.0, (clock.millis() - wanted_ms) / 1000), MAX_WAIT_S))
        IN_PROGRESS_GAUGE.labels(*names).inc()
        self._began[message.message_id] = time.perf_counter()

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """Retries stands after this one and has decided by now."""
        names = self._end(broker, message)
        if exception is None:
            LAST_SUCCESS_TIMESTAMP_SECONDS.labels(names[1]).set(time.time())
            OUTCOMES_TOTAL.labels(*names, "done").inc()
            return
        ERRORS_TOTAL.labels(*names).inc()
        OUTCOMES_TOTAL.labels(*names, "failed" if message.failed else "retried").inc()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        OUTCOMES_TOTAL.labels(*self._end(broker, message), "failed" if message.failed else "dropped").inc()

    def after_nack(self, broker: Broker, message: MessageProxy) -> None:
        REJECTS_TOTAL.labels(*_names(broker, message)).inc()

    def before_delay_message(self, broker: Broker, message: MessageProxy) -> None:
        """After a lost connection the same message comes again, to this worker or another."""
        due_ms = message.options["eta"]
        gone_ms = max(due_ms, current_millis()) + GONE_AFTER_MS
        with self._delays:
            self._delayed[message.message_id] = _Delayed(_names(broker, message), due_ms, gone_ms)
            self._show_delayed()

    def before_enqueue(self, broker: Broker, message: Message[Any], delay: int | None) -> None:
        """The delay is over: the message waits from now on. Before, `requeue_timestamp` is the time of the failure."""
        with self._delays:
            if delay is None and message.message_id in self._delayed:
                message.options["requeue_timestamp"] = self._delayed[message.message_id].due_ms
                self._show_delayed(gone=message.message_id)

    def after_enqueue(self, broker: Broker, message: Message[Any], delay: int | None) -> None:
        """A retry is enqueued with its delay, and again without it: count the first."""
        if delay is not None and "retries" in message.options:
            RETRIES_TOTAL.labels(*_names(broker, message)).inc()

    def _end(self, broker: Broker, message: MessageProxy) -> tuple[str, str]:
        names, now = _names(broker, message), time.perf_counter()
        DURATION_MILLISECONDS.labels(*names).observe(1000 * (now - self._began.pop(message.message_id, now)))
        IN_PROGRESS_GAUGE.labels(*names).dec()
        MESSAGES_TOTAL.labels(*names).inc()
        return names

    def _show_delayed(self, gone: str = "") -> None:
        """Set the gauge instead of moving it up and down, so that it cannot drift."""
        before, now_ms = self._delayed, current_millis()
        self._delayed = {key: each for key, each in before.items() if key != gone and each.gone_ms > now_ms}
        counts = Counter(each.names for each in self._delayed.values())
        for names in {each.names for each in before.values()}:
            DELAYED_GAUGE.labels(*names).set(counts[names])


def _names(broker: Broker, message: "MessageProxy | Message[Any]") -> tuple[str, str]:
    """The queue (also for its delay queue) and the actor, each `unknown` if it is not declared."""
    queue = q_name(message.queue_name)
    return (
        queue if queue in broker.get_declared_queues() else "unknown",
        message.actor_name if message.actor_name in broker.actors else "unknown",
    )
