"""periodiq's scheduler, with a ledger: several may run, each tick fires once, missed ones are caught up.

Stock periodiq fires everything twice with two processes, repeats a tick after a restart, forgets what was missed, and
ends when the broker is down. Here a tick is a row that only one scheduler can write; it is fired as a nudge, which
never waits for the broker; and the clock is the database's.
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

from actors.metrics.schedule import FIRED
from actors.scheduling import ledger
from actors.scheduling.table import attach
from config.due.queue import database_now
from config.health.heartbeats import Heartbeats
from config.health.process import ProcessHealth
from config.health.timeouts import CheckWithTimeout
from config.health.views import closing_database_problem
from config.messaging.clock import clock
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 1.0
"""Wake up at least so often, so that a clock that was set, or a database that came back, is noticed soon."""


class Scheduler(periodiq.Scheduler):  # type: ignore[misc]
    """Runs in any thread until it is stopped; periodiq's own needs the main thread, for its alarm signal."""

    def __init__(self) -> None:
        super().__init__(actors=attach())
        self.name = uuid.uuid4().hex
        self._stop_requests: SimpleQueue[None] = SimpleQueue()
        self._fired: dict[str, datetime] = {}
        self.turns = Heartbeats()
        """Of the `loop`, and of the `ledger`: of each time that it was read and written."""
        self.turns.note("loop")

    def loop(self) -> None:
        """Fire due ticks until `stop` is called. A database that does not answer is waited for."""
        while not self._told_to_stop(within_s=self._wait_s()):
            self.turns.note("loop")
            close_old_connections()
            try:
                self.schedule()
                self.turns.note("ledger")
            except Error as error:
                log.error("scheduler.no_database", extra={"error": type(error).__name__})

    def stop(self) -> None:
        """Let the loop end. Safe from a signal handler, unlike `threading.Event.set`, which waits for ever for the lock
        that the interrupted thread holds at times.
        """
        self._stop_requests.put(None)

    def signs(self) -> ProcessHealth:
        """Live: the loop comes round. Ready: the ledger was read and written not long ago."""
        return ProcessHealth(
            live={"loop": lambda: self.turns.problem("loop", settings.STALL_LIMIT_S)},
            ready={
                "ledger": lambda: self.turns.problem("ledger", settings.STALL_LIMIT_S),
                "database": CheckWithTimeout(closing_database_problem),
            },
        )

    def schedule(self) -> None:
        """One wake-up: the latest due tick of every entry, if nobody has fired it and it is not too old."""
        now = database_now()
        clock.compare(now)
        due = {actor.actor_name: actor.options["periodic"].latest(now) for actor in self.actors}
        oldest = {actor.actor_name: now - actor.options["catch_up"] for actor in self.actors}
        new = {name: at for name, at in due.items() if at != self._fired.get(name) and at >= oldest[name]}
        if new:
            self.send_actors(ledger.take(new, self.name), now)
            self._fired.update(new)

    def send_actors(self, actors: list[str], now: datetime) -> None:
        """Nudge the actors whose tick this scheduler may fire."""
        for name in actors:
            log.debug("tick.fired", extra={"schedule": name, "at": now.isoformat()})
            nudge(name)
            FIRED.labels(name).inc()

    def _told_to_stop(self, within_s: float) -> bool:
        try:
            self._stop_requests.get(timeout=within_s)
        except Empty:
            return False
        return True

    def _wait_s(self) -> float:
        """Until the next whole second of this process's clock; the ledger decides what is due by the database's."""
        now = datetime.now().astimezone()
        return min(LONGEST_WAIT_S, 1.0 - now.microsecond / 1_000_000 + 0.005)


@contextmanager
def in_background() -> Iterator[Scheduler]:
    """A scheduler in a thread of its own, for as long as the block runs."""
    scheduler = Scheduler()
    thread = threading.Thread(target=scheduler.loop, name="scheduler", daemon=True)
    thread.start()
    try:
        yield scheduler
    finally:
        scheduler.stop()
        thread.join(1)
