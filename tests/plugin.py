"""Settings of the test run, made before Django reads its own.

`TEST_DATABASE=postgres` runs the tests on a private PostgreSQL that is started here and thrown away; otherwise they run
on SQLite. Nothing of a developer's environment reaches the tests.
"""

import atexit
import os
import tempfile
from pathlib import Path

import pytest

from tests.stack.postgres import Postgres
from tests.stack.processes import end_cleanly
from tests.stopwatch import TooSlow

OURS = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "BROKER_",
    "SHOP_URL",
    "SECRET_KEY",
    "PRODUCTION",
    "ALLOWED_",
    "HSTS_",
    "EMAIL_",
    "PAYMENT_",
    "MONEY_",
    "SANDBOX_",
    "YOOKASSA_",
    "STRIPE_",
    "PAYPAL_",
    "LOG_",
    "REPORT_",
    "REVIEW_",
    "TRUSTED_",
    "METRICS_",
    "SCHEDULER_",
    "STALL_",
    "RELEASE",
    "RUNBOOK_",
    "ACTOR_",
    "ADMIN_",
    "ERROR_",
    "SENTRY_",
    "CALLBACK_",
    "RECONCILIATION_",
    "CONSOLE_",
    "JOB_",
    "WORKER_",
)

SYSTEM, BROWSER, DATABASE = (Path(__file__).parent / name for name in ("system", "browser", "database"))

LONG = {"test_actions.py", "test_admin_lists.py", "test_commands.py", "test_mail.py", "test_money_machine.py"}
"""Files that take longer than half a minute, though they do not start a shop."""

QUICK_HASHER = "django.contrib.auth.hashers.MD5PasswordHasher"
"""The real hasher takes 0.2 s for each password, on purpose."""

NO_FSYNC = " PRAGMA synchronous=OFF;"
"""A test database need not survive a power cut: waiting for the disk took 7 ms for each commit."""

PAUSE_S = 10
"""Before a test that was only too slow tries again: who is busy beside it may have finished by then."""

_started: dict[str, Postgres] = {}
_var = tempfile.TemporaryDirectory(prefix="tillkeeper-test-")
atexit.register(_var.cleanup)  # pytest's own hook for the end is not called in the processes of xdist


def pytest_configure() -> None:
    """A run that was asked for PostgreSQL must not pass on anything else."""
    from django.conf import settings
    from django.db import connection

    from tests import emptying

    end_cleanly()
    emptying.install()
    settings.PASSWORD_HASHERS = [QUICK_HASHER]
    settings.WHITENOISE_AUTOREFRESH = True  # or each test client reads all static files once
    wanted = "postgresql" if os.environ.get("TEST_DATABASE") == "postgres" else "sqlite"
    if connection.vendor != wanted:
        raise pytest.UsageError(f"the tests were to run on {wanted}, but Django has {connection.vendor}")
    if wanted == "sqlite":
        connection.settings_dict["OPTIONS"]["init_command"] += NO_FSYNC


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where it was only too slow, a test that measures time tries twice more; whatever else fails, fails at once.

    Raises UsageError where the Makefile would pass one over: it looks for those two marks in some folders only.
    """
    for item in items:
        for mark, folders in (("alone", {SYSTEM}), ("campaign", {SYSTEM, DATABASE, BROWSER})):
            if item.get_closest_marker(mark) and not folders & set(item.path.parents):
                raise pytest.UsageError(f"{item.nodeid} is marked {mark}: nothing would run it in this folder")
        if item.get_closest_marker("alone"):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=PAUSE_S, only_rerun=[TooSlow.__name__]))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Long files come first, those of the browser before all: the other processors would wait for one that begins last.

    This runs after the order was shuffled, and before xdist reads it to hand out the files.
    """

    def place(item: pytest.Item) -> list[bool]:
        return [BROWSER not in item.path.parents, SYSTEM not in item.path.parents, item.path.name not in LONG]

    session.items.sort(key=place)


def postgres() -> Postgres:
    """The cluster of this run, started when it is first needed."""
    if "cluster" not in _started:
        _started["cluster"] = Postgres().start()
        atexit.register(_started["cluster"].close)
    return _started["cluster"]


def _prepare_environment() -> None:
    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
    os.environ |= {"VAR_DIR": _var.name, "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": "9", "LOG_STYLE": "json"}
    if os.environ.get("TEST_DATABASE") == "postgres":
        os.environ["DATABASE_URL"] = postgres().url_of("tillkeeper")


# When this module is imported, because every hook of ours would run after pytest-django has set Django up.
_prepare_environment()
