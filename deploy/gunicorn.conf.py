"""gunicorn's hooks: `gunicorn config.wsgi -c deploy/gunicorn.conf.py`.

The first process must know nothing of the shop: what it has once imported, all processes that it ever starts have too,
and after a reload they would run half on the old code. So everything of ours is imported in the hooks, and those that
run in the first process forget it again.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# gunicorn itself would say READY before one of its processes has loaded the shop.
if "NOTIFY_SOCKET" in os.environ:
    os.environ["WEB_NOTIFY_SOCKET"] = os.environ.pop("NOTIFY_SOCKET")


def on_starting(_server: Any) -> None:
    """In the first process, before it forks: the others count together what the metrics show."""
    with _only_for_now():
        from config.metrics import files

        files.begin()


def post_worker_init(worker: Any) -> None:
    """In each process, once it has loaded the shop; it forks no more, so it may have threads."""
    from config.health import web

    if "WEB_NOTIFY_SOCKET" in os.environ:
        os.environ["NOTIFY_SOCKET"] = os.environ["WEB_NOTIFY_SOCKET"]
        web.report(worker.sockets[0])


def child_exit(_server: Any, worker: Any) -> None:
    """In the first process, however the other ended."""
    with _only_for_now():
        from config.metrics import files

        files.forget(worker.pid)


@contextmanager
def _only_for_now() -> Iterator[None]:
    """What of ours is imported in here is forgotten afterwards."""
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "config"]:
            del sys.modules[name]
