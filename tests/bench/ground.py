"""What the measurements stand on: a migrated database, the sandbox provider, and the process that measures."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.stack.ports import free_port, wait_until
from tests.stack.postgres import Postgres
from tests.stack.processes import Program
from tests.system.house import MANAGE, ROOT, http

Environment = dict[str, str]


@contextmanager
def on_postgres(var: Path, disk: str = "", **more: str) -> Iterator[Environment]:
    """A fresh shop's environment. `disk` names a directory: its data are on the disk then, as in production."""
    if disk:
        var.chmod(0o711)  # PostgreSQL is started by root as somebody else
    with Postgres(var / disk) if disk else Postgres() as postgres:
        given = environment(var, postgres.create_database("bench")) | more
        subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], env=given, cwd=ROOT, check=True)
        yield given


@contextmanager
def with_sandbox(given: Environment) -> Iterator[None]:
    """The provider, as another process."""
    port = given["SANDBOX_URL"].rpartition(":")[2]
    with Program("sandbox", [sys.executable, "-m", "billing.sandbox", "--port", port], given, cwd=ROOT):
        wait_until(lambda: _answers(given["SANDBOX_URL"]), "the sandbox answered", 20)
        yield


def environment(var: Path, database_url: str) -> Environment:
    """Of a process that measures."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url,
        "SANDBOX_URL": f"http://127.0.0.1:{free_port()}",
        "VAR_DIR": str(var),
        "LOG_LEVEL": "WARNING",
    }


def results(given: Environment, module: str, *words: int) -> list[Any]:
    """Run `tests.bench.<module>` in a process of its own; what it prints, a JSON document on each line."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *map(str, words)]
    run = subprocess.run(command, env=given, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
    return [json.loads(line) for line in run.stdout.splitlines()]


def _answers(url: str) -> bool:
    try:
        with http() as client:
            return client.get(f"{url}/healthz", timeout=2).ok
    except OSError:
        return False
