"""A job whose last attempt failed is an error for a person; its earlier attempts are not."""

import logging
from typing import Any

from dramatiq import Broker
from dramatiq.broker import MessageProxy
from dramatiq.middleware import Middleware

log = logging.getLogger(__name__)


class LastAttempt(Middleware):
    """Logs once why a job was given up. Stands before Retries in the list, to see the decision of Retries."""

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if exception is not None and message.failed:
            log.error("job.given_up", exc_info=exception)
