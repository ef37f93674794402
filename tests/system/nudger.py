"""A process that nudges, for `test_nudges`: `python -m tests.system.nudger <what>` prints what came of it as JSON."""

import json
import os
import sys
import threading
import time

import django
import psutil
from django.conf import settings

PATIENCE_S = 20


def flood() -> dict[str, float]:
    """Hand over more than the queue holds; wait for nothing."""
    from config.messaging.nudges import QUEUE_SIZE, nudge, publisher

    started = time.monotonic()
    for number in range(QUEUE_SIZE + 500):
        nudge("check_payment", number)
    return {"seconds": time.monotonic() - started, "size": QUEUE_SIZE, "dropped": publisher.dropped}


def fork() -> dict[str, int]:
    """Nudge before a fork and on both sides of it, as a web server does that loads the shop before it forks."""
    from config.messaging.nudges import nudge, publisher

    nudge("check_payment", 1)
    publisher.flush(PATIENCE_S)
    child = os.fork()
    nudge("check_payment", 2 if child else 3)
    publisher.flush(PATIENCE_S)
    if not child:
        os._exit(publisher.dropped)
    return {"dropped": publisher.dropped, "dropped_by_child": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}


def crowd() -> dict[str, int]:
    """Nudge from many threads."""
    from config.messaging.nudges import nudge, publisher

    threads = [threading.Thread(target=nudge, args=("check_payment", number)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    publisher.flush(PATIENCE_S)
    return {"sent": publisher.sent, "connections": connections()}


def again() -> dict[str, int]:
    """Nudge, let somebody restart the broker, nudge until it is sent."""
    from config.messaging.nudges import nudge, publisher

    nudge("check_payment", 1)
    publisher.flush(PATIENCE_S)
    print("ready", flush=True)
    sys.stdin.readline()
    deadline = time.monotonic() + PATIENCE_S
    while publisher.sent < 2 and time.monotonic() < deadline:
        nudge("check_payment", 2)
        publisher.flush(PATIENCE_S)  # one after the other, or a second one waits behind the one that comes through
        time.sleep(0.1)
    return {"sent": publisher.sent, "connections": connections()}


def connections() -> int:
    """Connections of this process to the broker."""
    port = int(settings.BROKER_URL.rpartition(":")[2].partition("/")[0])
    return sum(bool(one.raddr) and one.raddr[1] == port for one in psutil.Process().net_connections("tcp"))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps({"flood": flood, "fork": fork, "crowd": crowd, "again": again}[sys.argv[1]]()))
