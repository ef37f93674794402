"""Fresh processes that start in a third of the time: their parent has imported Django, and forks.

A child has the environment that it is given and nothing else. It reads the settings and sets Django up as any new
process does. For tests that start many processes to see how each one ends.
"""

import atexit
import gc
import io
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from tests.stack.ports import HANG_S

ROOT = Path(__file__).resolve().parents[1]

SLOW_TO_IMPORT = (
    "django.contrib.admin.options",
    "django.core.management",
    "django.core.serializers.json",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.template.loader",
    "django.views.debug",
    "dramatiq.brokers.rabbitmq",
    "pika.adapters.blocking_connection",
    "prometheus_client",
    "requests",
    "sentry_sdk",
    "whitenoise.middleware",
)
"""Nothing of ours, and nothing that reads a setting when it is imported."""

Completed = subprocess.CompletedProcess[str]

_one_at_a_time = threading.Lock()


def manage(env: Mapping[str, str], *words: str) -> Completed:
    """`manage.py` with these words, in this environment and no other."""
    return _run(env, ["manage.py", *words])


def run_code(env: Mapping[str, str], code: str) -> Completed:
    """`python -c` with this code, in this environment and no other."""
    return _run(env, ["-c"], code)


def _run(env: Mapping[str, str], words: list[str], code: str = "") -> Completed:
    with _one_at_a_time, tempfile.TemporaryDirectory() as directory:
        out, err = (Path(directory, name) for name in ("out", "err"))
        parent = _parent()
        assert parent.stdin
        assert parent.stdout
        print(json.dumps([{**env}, words, code, str(out), str(err)]), file=parent.stdin, flush=True)
        status = int(parent.stdout.readline())
        encoding = env.get("PYTHONIOENCODING", "utf-8")
        return Completed(words, status, out.read_text(encoding), err.read_text(encoding))


@cache
def _parent() -> "subprocess.Popen[str]":
    """The parent: one for each process of the tests, started when it is first needed."""
    command = [sys.executable, "-m", "tests.forked"]
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    parent = subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(parent.communicate)  # the end of its input ends it
    return parent


def main() -> None:
    """Fork for each line of the input, and answer with the child's exit status."""
    for module in SLOW_TO_IMPORT:
        import_module(module)
    gc.freeze()
    for line in sys.stdin:
        if child := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        else:
            _become(*json.loads(line))
            return


def _become(env: dict[str, str], words: list[str], code: str, out: str, err: str) -> None:
    """Whatever this raises ends the child as it ends any process."""
    signal.alarm(int(HANG_S))
    os.environ.clear()
    os.environ.update(env)
    for descriptor, path, mode in ((0, os.devnull, os.O_RDONLY), (1, out, _NEW), (2, err, _NEW)):
        os.dup2(os.open(path, mode, 0o600), descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 (the old one has read ahead)
    if encoding := env.get("PYTHONIOENCODING"):  # the streams are the parent's
        for stream, errors in ((sys.stdout, "strict"), (sys.stderr, "backslashreplace")):
            assert isinstance(stream, io.TextIOWrapper)
            stream.reconfigure(encoding=encoding, errors=errors)
    sys.argv = words
    if code:
        exec(code, {"__name__": "__main__"})  # noqa: S102 (the tests' own code)
    else:
        runpy.run_path(str(ROOT / "manage.py"), run_name="__main__")


_NEW = os.O_WRONLY | os.O_CREAT


if __name__ == "__main__":
    main()
