"""A process whose log drops lines says so in the database: the doctor cannot read that log, nor ask each process."""

import logging
import threading
from datetime import timedelta

from django.db import Error, connection
from django.db.models.functions import Now

from actors.models import LossyLog
from actors.runtime import running
from config.log_outputs import dropped_lines

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""Time between two looks of a web process; the others look at each heartbeat and wake-up."""

KEPT = timedelta(days=1)

_told = 0


def tell(part: str) -> None:
    """Write what this process has dropped, if that is more than before; `part` is web, worker or scheduler.

    Raises Error.
    """
    global _told
    if (lines := dropped_lines()) > _told:
        process = f"{part} {running.worker_name()}"
        LossyLog.objects.update_or_create(process=process, defaults={"lines": lines, "dropped_at": Now()})
        LossyLog.objects.filter(dropped_at__lt=Now() - KEPT).delete()
        _told = lines


def watch(part: str) -> None:
    """Tell every LOOK_S from a thread of its own, until the process ends."""
    threading.Thread(target=_watch, args=(part,), name="lossy-log", daemon=True).start()


def _watch(part: str) -> None:
    wait = threading.Event()
    while not wait.wait(LOOK_S):
        try:
            tell(part)
        except Error as error:
            log.error("lossy_log.no_database", extra={"error": type(error).__name__})
        finally:
            connection.close()
