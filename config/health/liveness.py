"""Health checks: each returns a sentence about a problem, or None."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import inf, isinf

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from config.database.in_force import read_only_problem
from config.formats import first_line
from config.hosts import host_and_port

log = logging.getLogger(__name__)

HealthCheck = Callable[[], str | None]

CHECK_TIMEOUT_S = 5.0
"""Timeout for a check. A hung database would block the caller forever."""


def problems(checks: Mapping[str, HealthCheck]) -> dict[str, str]:
    """The problems that the checks found. A check that raises is a problem too."""
    found = {name: _result_of(check) for name, check in checks.items()}
    return {name: problem for name, problem in found.items() if problem}


def _result_of(check: HealthCheck) -> str | None:
    try:
        return check()
    except Exception as error:
        log.exception("check.failed")
        return f"the check itself failed ({type(error).__name__})"


@dataclass
class CheckWithTimeout:
    """Runs a check in its own thread, one at a time. Callers wait up to CHECK_TIMEOUT_S.

    While one run hangs, all callers wait for its answer, so no threads pile up. The thread closes its database
    connection at its end: Django does not.
    """

    check: HealthCheck
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _result: "Future[str | None] | None" = None

    def __call__(self) -> str | None:
        """Returns the check's answer, or a sentence if there is none in time."""
        try:
            return self._current().result(CHECK_TIMEOUT_S)
        except TimeoutError:
            return f"there was no answer within {CHECK_TIMEOUT_S:g} s"

    def _current(self) -> "Future[str | None]":
        with self._lock:
            if self._result is None or self._result.done():
                self._result = Future()
                threading.Thread(target=self._run, args=(self._result,), name="check", daemon=True).start()
            return self._result

    def _run(self, result: "Future[str | None]") -> None:
        try:
            result.set_result(self.check())
        except Exception as error:
            result.set_exception(error)
        finally:
            connection.close()


@dataclass
class Heartbeats:
    """Tell a hung loop from an idle one: the last heartbeat of each named loop, by this machine's monotonic clock.

    Safe to read from any thread.
    """

    _at: dict[str, float] = field(default_factory=dict)

    def beat(self, loop: str) -> None:
        """The loop is alive now."""
        self._at[loop] = time.monotonic()

    def problem(self, loop: str, limit_s: float) -> str | None:
        """A sentence if the loop has been silent for longer than the limit, else None."""
        silent_s = time.monotonic() - self._at.get(loop, -inf)
        if silent_s <= limit_s:
            return None
        return f"{loop} has sent no heartbeat {'yet' if isinf(silent_s) else f'for {silent_s:.0f} s'}."


def database_problem() -> str | None:
    """A sentence if the database does not answer, cannot be written, or lacks migrations; None if all is well."""
    try:
        if read_only := read_only_problem():
            return read_only
        missing = missing_migrations()
    except Error as error:
        where = f"see DATABASE_URL, now {database_address()}"
        return f"The database does not answer ({type(error).__name__}); {where}. It says: {first_line(error)}"
    if missing:
        return f"{len(missing)} migrations are missing; run `manage.py migrate`."
    return None


def missing_migrations() -> list[str]:
    """The names of the migrations that the database lacks, in their order. Raises django.db.Error."""
    executor = MigrationExecutor(connection)
    return [str(each) for each, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def database_address() -> str:
    """The database's address, without its password."""
    database = settings.DATABASES["default"]
    host, port = str(database.get("HOST", "")), str(database.get("PORT", ""))
    return f"{database['NAME']} at {host_and_port(host, port)}" if host else str(database["NAME"])
