"""gunicorn's hooks: `gunicorn config.wsgi -c deploy/gunicorn.conf.py`.

The master process must not keep our modules: each process that it forks inherits them, and after a reload would run
partly on old code. So the hooks import our modules, and those that run in the master process unload them again.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# gunicorn itself would report READY before one of its processes has loaded the shop.
if "NOTIFY_SOCKET" in os.environ:
    os.environ["WEB_NOTIFY_SOCKET"] = os.environ.pop("NOTIFY_SOCKET")


def on_starting(_server: Any) -> None:
    """In the master process, before it forks: start the metric files that the other processes share."""
    with _only_for_now():
        from config.metrics import files

        files.begin()


def post_fork(_server: Any, worker: Any) -> None:
    """In each worker process, before it loads the shop: gunicorn logs an error there with all its words."""
    from config.logging import Scrubbed

    for handler in worker.log.error_log.handlers:
        handler.setFormatter(Scrubbed(worker.log.error_fmt, worker.log.datefmt))


def post_worker_init(worker: Any) -> None:
    """In each worker process, after it has loaded the shop; it does not fork, so it may have threads."""
    from actors.runtime import lossy_log
    from config.health import web

    lossy_log.watch("web")
    if "WEB_NOTIFY_SOCKET" in os.environ:
        os.environ["NOTIFY_SOCKET"] = os.environ["WEB_NOTIFY_SOCKET"]
        web.report(worker.sockets[0])


def child_exit(_server: Any, worker: Any) -> None:
    """In the master process, after any end of a worker process."""
    with _only_for_now():
        from config.metrics import files

        files.forget(worker.pid)


@contextmanager
def _only_for_now() -> Iterator[None]:
    """Unload the modules of `config` that were imported in the block."""
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "config"]:
            del sys.modules[name]


# A master process that waits for a hung reader of its log replaces no worker process.
with _only_for_now():
    from config.cli.terminal import never_wait_for_stderr

    never_wait_for_stderr()
