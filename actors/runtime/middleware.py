"""Middleware around every job: log context, an orderly end, history, heartbeat and quarantine.

Dramatiq creates its middleware before Django's models can be imported. So the hooks of the last three import what they
call when they are called. The rules are in history.py, heartbeat.py and quarantine.py.
"""

import logging
import sys
from typing import Any

from dramatiq import Broker, Worker
from dramatiq.broker import MessageProxy
from dramatiq.middleware import Middleware

from actors.runtime import running
from config.due import shutting_down
from config.log_outputs import flush
from config.logging import log_context
from config.messaging.consumers import HANDED_BACK

log = logging.getLogger(__name__)

FLUSH_S = 2.0
"""Time that a stopping worker waits until the rows of its last jobs are written."""


class MessageLogContext(Middleware):
    """Adds the actor and the message id to every log line of a job."""

    def __init__(self) -> None:
        self._running: dict[str, Any] = {}

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        context = self._running[message.message_id] = log_context(actor=message.actor_name, message=message.message_id)
        context.__enter__()

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        context = self._running.pop(message.message_id, None)
        if context is not None:
            context.__exit__(None, None, None)

    after_skip_message = after_process_message


class LastAttempt(Middleware):
    """Logs why a job was given up, once. Stands before Retries in the list, to see the decision of Retries."""

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if exception is not None and message.failed:
            log.error("job.given_up", exc_info=exception)


class GracefulStop(Middleware):
    """A stopping worker claims nothing new. Its start and its end are logged."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        shutting_down.clear()
        log.info("worker.started", extra={"threads": worker.worker_threads})

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        shutting_down.set()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        log.info("worker.stopped")
        flush()  # Dramatiq closes the pipe of the log next


class JobHistory(Middleware):
    """Records runs. Stands before Retries, whose decision it reads, and before middleware that skips messages."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        running.begin(message)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        from actors.runtime import history

        if (run := running.end(failed=exception is not None)) is not None:
            history.record(run, result, exception)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """Dramatiq calls this while it handles the reason for skipping."""
        from actors.runtime import history

        if (run := running.cancel()) is not None:
            history.record_skipped(run, sys.exc_info()[1])

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        from actors.runtime.recorder import recorder

        recorder.flush(FLUSH_S)


class WorkerHeartbeat(Middleware):
    """Sends heartbeats from each worker's start to its end; also in the embedded mode. The first one comes before the
    first message: a paused queue stays paused over a restart."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        from actors.runtime.heartbeat import Heartbeat

        self._heart = Heartbeat(broker, worker)
        self._heart.start()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        self._heart.stop()


class Quarantine(Middleware):
    """Counts the deaths of redelivered messages. It stands after the middleware that drops stale messages, and before
    TimeLimit."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        from actors.runtime import quarantine

        if getattr(message, "redelivered", False):
            quarantine.note_start(message)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        from actors.runtime import quarantine

        if getattr(message, "redelivered", False):
            quarantine.note_end(message)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """A message that goes back to a paused queue has not ended."""
        if not getattr(message, HANDED_BACK, False):
            self.after_process_message(broker, message)
