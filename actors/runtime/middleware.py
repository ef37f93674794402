"""Middleware around every job: log context, and an orderly end."""

import logging
from typing import Any

from dramatiq import Broker, Worker
from dramatiq.broker import MessageProxy
from dramatiq.middleware import Middleware

from config.due import shutting_down
from config.logging import log_context

log = logging.getLogger(__name__)


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


class GracefulStop(Middleware):
    """A stopping worker claims nothing new. Its start and its end are logged."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        shutting_down.clear()
        log.info("worker.started", extra={"threads": worker.worker_threads})

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        shutting_down.set()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        log.info("worker.stopped")
