"""Secrets that a machine makes for itself."""

import fcntl
import secrets
from pathlib import Path


def kept_secret(path: Path, random_bytes: int) -> str:
    """A random secret of this machine's own, made at the first start and kept in a file only its owner can read."""
    path.touch(mode=0o600)
    with path.open("r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two processes may start at once
        secret = file.read().strip()
        if not secret:
            secret = secrets.token_urlsafe(random_bytes)
            file.write(secret)
    return secret
