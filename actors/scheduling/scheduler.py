"""periodiq's scheduler, with a ledger: several may run, each tick fires once, missed ticks are caught up.

With two processes, periodiq's own scheduler fires everything twice. It repeats a tick after a restart, forgets missed
ticks, and ends when the broker is down. Here a tick is a row that only one scheduler can write. It is fired as a nudge,
which never waits for the broker. The clock is the database's.
"""

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from queue import Empty, SimpleQueue

import periodiq
from django.conf import settings
from django.db import Error, close_old_connections

from actors.runtime import lossy_log
from actors.scheduling import ledger
from actors.scheduling.table import attach
from config.due.queue import database_now
from config.health.liveness import CheckWithTimeout, Heartbeats, database_problem
from config.health.process import ProcessHealth
from config.messaging.clock import clock
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)

MAX_WAIT_S = 1.0
"""Longest wait before the next wake-up: a clock that was set, or a database that is back, must be noticed soon."""


class Scheduler(periodiq.Scheduler):  # type: ignore[misc]
    """Runs in any thread until it is stopped; periodiq's own needs the main thread, for its alarm signal."""

    def __init__(self) -> None:
        super().__init__(actors=attach())
        self.name = uuid.uuid4().hex
        self._stop_requests: SimpleQueue[None] = SimpleQueue()
        self._fired: dict[str, datetime] = {}
        self.heartbeats = Heartbeats()
        """Heartbeats of the `loop`, and of the `ledger` after each successful read and write."""
        self.heartbeats.beat("loop")

    def loop(self) -> None:
        """Fire due ticks until `stop` is called. If the database does not answer, try again at the next wake-up."""
        while not self._stop_requested(within_s=self._wait_s()):
            self.heartbeats.beat("loop")
            close_old_connections()
            try:
                self.schedule()
                self.heartbeats.beat("ledger")
                lossy_log.tell("scheduler")
            except Error as error:
                log.error("scheduler.no_database", extra={"error": type(error).__name__})

    def stop(self) -> None:
        """End the loop. This is safe in a signal handler. `threading.Event.set` is not: it can wait for ever for a lock
        that the interrupted thread holds."""
        self._stop_requests.put(None)

    def health(self) -> ProcessHealth:
        """Live: the loop sends heartbeats. Ready: the ledger was read and written recently."""
        return ProcessHealth(
            live={"loop": lambda: self.heartbeats.problem("loop", settings.STALL_LIMIT_S)},
            ready={
                "ledger": lambda: self.heartbeats.problem("ledger", settings.STALL_LIMIT_S),
                "database": CheckWithTimeout(database_problem),
            },
        )

    def schedule(self) -> None:
        """One wake-up: fire the latest due tick of each entry, if it is new and not too old."""
        now = database_now()
        clock.compare(now)
        due = {actor.actor_name: actor.options["periodic"].latest(now) for actor in self.actors}
        oldest = {actor.actor_name: now - actor.options["catch_up"] for actor in self.actors}
        new = {name: at for name, at in due.items() if at != self._fired.get(name) and at >= oldest[name]}
        if new:
            if deleted := ledger.delete_future(now):
                self._fired.clear()
                log.error("clock.set_back", extra={"future_ticks": deleted, "now": now.isoformat()})
            for name in ledger.take(new, self.name):
                log.debug("tick.fired", extra={"schedule": name, "at": now.isoformat()})
                nudge(name)
                ledger.TICKS_FIRED_TOTAL.labels(name).inc()
            self._fired.update(new)

    def _stop_requested(self, within_s: float) -> bool:
        try:
            self._stop_requests.get(timeout=within_s)
        except Empty:
            return False
        return True

    def _wait_s(self) -> float:
        """Seconds until the next whole second of this process's clock. The ledger decides by the database's clock."""
        now = datetime.now().astimezone()
        return min(MAX_WAIT_S, 1.0 - now.microsecond / 1_000_000 + 0.005)


@contextmanager
def in_background() -> Iterator[Scheduler]:
    """Run a scheduler in a thread while the block runs."""
    scheduler = Scheduler()
    thread = threading.Thread(target=scheduler.loop, name="scheduler", daemon=True)
    thread.start()
    try:
        yield scheduler
    finally:
        scheduler.stop()
        thread.join(1)
