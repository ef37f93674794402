"""gunicorn's hooks: `gunicorn config.wsgi -c deploy/gunicorn.conf.py`.

The first process must know nothing of the shop: what it has once imported, all processes that it ever starts have too,
and after a reload they would run half on the old code. So everything of ours is imported in the hooks.
"""

import os
from typing import Any

# gunicorn itself would say READY before one of its processes has loaded the shop.
if "NOTIFY_SOCKET" in os.environ:
    os.environ["WEB_NOTIFY_SOCKET"] = os.environ.pop("NOTIFY_SOCKET")


def post_worker_init(worker: Any) -> None:
    """In each process, once it has loaded the shop; it forks no more, so it may have threads."""
    from config import web_signs

    if "WEB_NOTIFY_SOCKET" in os.environ:
        os.environ["NOTIFY_SOCKET"] = os.environ["WEB_NOTIFY_SOCKET"]
        web_signs.tell(worker.sockets[0])
