"""Where files are kept, and the secrets that a machine generates for itself."""

import fcntl
import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config import env
from config.env.reference import section

BASE_DIR = Path(__file__).resolve().parents[2]

_HOME = BASE_DIR if (BASE_DIR / "manage.py").exists() else Path.cwd()
"""An installed package has no place for data beside its code."""

section("Files")

VAR_DIR = Path(env.text(
    "VAR_DIR", str(_HOME / "var"),
    otherwise="`var` beside the code; in the current directory where the package is installed",
    help="Directory for files: static files for the proxy, generated secrets, and the SQLite database and mails of a "
    "trial.",
    wrong="Other users can read it: they see secrets. It cannot be written: the start stops.",
    example="/var/lib/tillkeeper",
))  # fmt: skip
METRICS_DIR = Path(env.text(
    "METRICS_DIR", str(VAR_DIR / "metrics"),
    otherwise="`metrics` in `VAR_DIR`",
    help="Directory where the processes of one server (gunicorn's, a worker's) add up their metrics. A memory disk is "
    "enough.",
    wrong="Two hosts share it: their metrics are added up.",
    example="/run/tillkeeper/metrics",
))  # fmt: skip


@contextmanager
def var_dir_is_ours() -> Iterator[None]:
    """Stop the start with a sentence where something in VAR_DIR cannot be made, read or written."""
    try:
        yield
    except OSError as error:
        instead = f"{error.filename or VAR_DIR}: {error.strerror}; give it to this user, or write another path"
        env.refuse("VAR_DIR", str(VAR_DIR), instead)


@var_dir_is_ours()
def make_public(directory: Path) -> None:
    """Make the directory readable for the proxy when it does not exist yet: the umask of services would forbid it."""
    with suppress(FileExistsError):
        directory.mkdir()
        directory.chmod(0o755)


def make_private(database: Path) -> None:
    """Make the file of a SQLite database unreadable for others, before anything stands in it. Its companions follow it.

    Files of an earlier release, which were readable, are closed too.
    """
    with suppress(OSError):  # SQLite itself says what is wrong with a path
        database.touch(mode=0o600)
        for path in database.parent.glob(f"{glob.escape(database.name)}*"):
            path.chmod(0o600)


@var_dir_is_ours()
def kept_secret(path: Path, random_bytes: int) -> str:
    """Return this machine's own random secret. The first start writes it to a file that only its owner can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with path.open("r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two processes may start at the same time
        secret = file.read().strip()
        if not secret:
            secret = secrets.token_urlsafe(random_bytes)
            file.write(secret)
    return secret


@var_dir_is_ours()
def lock_until_the_end(path: Path) -> str:
    """Lock the file until this process ends, in any way. Return "", or the id of the process that has locked it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with open(lock, encoding="ascii") as file:
            return file.read() or "of unknown id"
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return ""
