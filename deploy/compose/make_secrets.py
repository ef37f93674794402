"""Writes the secrets of a trial beside compose.yml. Existing files are kept.

    python deploy/compose/make_secrets.py

Containers read the files as other users, so every user may read the files, but only the owner their directory.
"""

import argparse
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
MANAGE = [sys.executable, str(HERE.parents[1] / "manage.py")]

CERTIFICATE_DAYS = 825


def main(directory: Path, host: str) -> None:
    """Write the missing files."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("secret-key", "sandbox-api-key", "sandbox-callback-secret", "postgres-password", "grafana-password"):
        _once(directory / name, lambda: secrets.token_urlsafe(48))
    for role, name in (("till_app", "database-url"), ("till_owner", "database-owner-url")):
        _once(directory / name, partial("postgres://{}:{}@postgres:5432/shop".format, role, secrets.token_urlsafe(24)))
    _once(directory / "database-roles", lambda: _printed("dbroles", directory, "database-url", "database-owner-url"))
    _once(directory / "broker-url", lambda: f"amqp://till:{secrets.token_urlsafe(24)}@rabbitmq:5672/till")
    _once(directory / "rabbitmq-definitions", lambda: _printed("rabbitmqconf", directory, "broker-url"))
    if not (directory / "certificate").exists():
        _certify(host, directory / "certificate", directory / "certificate-key")


def _once(path: Path, make: Callable[[], str]) -> None:
    if not path.exists():
        path.write_text(make() + "\n")


def _printed(command: str, directory: Path, *files: str) -> str:
    """The output of a command with only these addresses."""
    unset = dict.fromkeys(("DATABASE_URL", "DATABASE_OWNER_URL", "BROKER_URL"), "")
    given = {f"{file.upper().replace('-', '_')}_FILE": str(directory / file) for file in files}
    env = {**os.environ, **unset, **given}
    return subprocess.run([*MANAGE, command], env=env, check=True, capture_output=True, text=True).stdout


def _certify(host: str, certificate: Path, key: Path) -> None:
    """Create a self-signed certificate: the browser asks once."""
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
    options = ["-days", str(CERTIFICATE_DAYS), "-subj", f"/CN={host}"]
    names = ["-addext", f"subjectAltName=DNS:{host}"]
    command = ["openssl", "req", *kind, *options, *names, "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        sys.exit("openssl is not installed: install it, or put files `certificate` and `certificate-key` there.")
    key.chmod(0o644)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, default=HERE / "secrets")
    parser.add_argument("--host", default="shop.localhost", help="the name in the certificate")
    main(**vars(parser.parse_args()))
