"""Secrets that a machine generates for itself."""

import fcntl
import secrets
from pathlib import Path


def kept_secret(path: Path, random_bytes: int) -> str:
    """Return this machine's own random secret. The first start writes it to a file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with path.open("r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two processes may start at the same time
        secret = file.read().strip()
        if not secret:
            secret = secrets.token_urlsafe(random_bytes)
            file.write(secret)
    return secret
