"""What happens around every job: it is recorded, its worker tells that it lives, and a message that kills is stopped.

Dramatiq's middleware is made before Django's models can be imported. So these hooks import what they call when they
are called; the rules stand in history.py, beat.py and quarantine.py.
"""

import sys
from typing import Any

from dramatiq import Broker, Worker
from dramatiq.broker import MessageProxy
from dramatiq.middleware import Middleware

from actors.runtime import running
from config.messaging.consumers import HANDED_BACK

FLUSH_S = 2.0
"""A worker that ends waits so long for the rows of its last jobs to be written."""


class JobHistory(Middleware):
    """Records runs. Stands before Retries, whose verdict it reads, and before all that skips messages."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        running.begin(message)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        from actors.runtime import history

        if (run := running.end(failed=exception is not None)) is not None:
            history.record(run, result, exception)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """Called while the reason for skipping is being handled."""
        from actors.runtime import history

        if (run := running.cancel()) is not None:
            history.record_skipped(run, sys.exc_info()[1])

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        from actors.runtime.recorder import recorder

        recorder.flush(FLUSH_S)


class WorkerHeartbeat(Middleware):
    """A sign of life per worker process, from its start to its end; the same in the embedded mode.

    The first beat comes before the first message: a queue that is paused stays so over a restart.
    """

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        from actors.runtime.heartbeat import Heartbeat

        self._heart = Heartbeat(broker, worker)
        self._heart.start()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        self._heart.stop()


class Quarantine(Middleware):
    """Counts the deaths of redelivered messages. Stands behind what drops stale messages, and before TimeLimit."""

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
        """What goes back to a paused queue has not come to an end."""
        if not getattr(message, HANDED_BACK, False):
            self.after_process_message(broker, message)
