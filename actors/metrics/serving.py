"""The pages of processes that have no web: worker and scheduler."""

import logging
from contextlib import suppress
from functools import partial

from django.conf import settings

from actors.metrics.page import metrics_page
from config import metrics_files
from config.metrics import BROKER
from config.probes import serve

log = logging.getLogger(__name__)


def serve_page_of_worker() -> None:
    """The first process of a worker shows what all of them have counted.

    Only in a worker that `manage.py rundramatiq` has started; threads of the embedded mode have the web's page.
    """
    directory = metrics_files.current()
    if directory is None:
        return
    with suppress(FileExistsError):
        (directory / "page").touch(exist_ok=False)
        _serve("METRICS_PORT", settings.METRICS_PORT)


def serve_page_of_scheduler() -> None:
    """With the queues: they are longest when no worker is there to tell of them."""
    _serve("SCHEDULER_METRICS_PORT", settings.SCHEDULER_METRICS_PORT, BROKER)


def _serve(setting: str, port: int, *sources: str) -> None:
    """The work is worth more than the page about it: where the port is taken, it goes on without."""
    if not port:
        return
    try:
        serve(settings.METRICS_HOST, port, {"/metrics": partial(metrics_page, *sources)})
    except OSError as error:
        log.error("metrics.no_page", extra={"problem": _problem(setting, port, error)})


def _problem(setting: str, port: int, error: OSError) -> str:
    where = f"{settings.METRICS_HOST}:{port}"
    return f"{where} cannot be used ({error.strerror}), so nobody sees what this process counts; set another {setting}."
