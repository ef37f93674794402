"""A job whose last attempt has failed is an error that somebody must know of; the attempts before it are not."""

import logging
from typing import Any

from dramatiq import Broker
from dramatiq.broker import MessageProxy
from dramatiq.middleware import Middleware

log = logging.getLogger(__name__)


class LastAttempt(Middleware):
    """Logs what a job was given up for, once. Stands before Retries in the list, so that it knows what that decided."""

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if exception is not None and message.failed:
            log.error("job.given_up", exc_info=exception)
