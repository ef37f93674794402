"""Lays out a release, ready to run or to be packed: `make install DESTDIR=…`.

A release never changes: it lies in a directory of its own, with its code, its environment from the hashed lock, and its
name. `current` points at one of them; to go back is to let it point at another. Files in /etc that somebody may have
changed are never overwritten.
"""

import argparse
import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = ("config", "billing", "commerce", "actors", "deploy", "manage.py")
DOCUMENTS = ("README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "LICENSE")

HIDDEN = ("/root", "/home")
"""By `ProtectHome=` of the units."""

HOME, ETC, LOGS = Path("opt/tillkeeper"), Path("etc/tillkeeper"), Path("var/log/tillkeeper")
EXAMPLES = ("etc/*", "nginx/operators.conf")
UNITS, SYSUSERS, SUPERVISOR = Path("etc/systemd/system"), Path("etc/sysusers.d"), Path("etc/supervisor/conf.d")


def main() -> None:
    """Say what is wrong in one sentence, and leave nothing half-done behind."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("destdir", type=Path, help="the root to install under; / for this machine")
    words.add_argument("release", help="its name, like 1.4.0 or a commit")
    words.add_argument("--python", default=sys.executable, help="3.11 to 3.13; the release runs on it")
    asked = words.parse_args()
    if not asked.release or "/" in asked.release or asked.release.startswith("."):
        sys.exit(f"The release is called {asked.release!r}: write a name like 1.4.0, RELEASE=1.4.0.")
    os.umask(0o022)  # whatever root's own is: another user runs it
    lay_out(asked.destdir.resolve(), asked.release, usable(asked.python))


def usable(python: str) -> str:
    """The interpreter; ends with a sentence if there is none, and warns of one that the services could not run."""
    found = shutil.which(python)
    if not found:
        sys.exit(f"There is no {python}: write PYTHON=/usr/bin/python3, or another of 3.11 to 3.13.")
    real = Path(found).resolve()
    if any(real.is_relative_to(home) for home in HIDDEN):
        print(f"{real} is in a home, which the units cannot see: they need PYTHON=/usr/bin/python3.", file=sys.stderr)
    return found


def lay_out(root: Path, release: str, python: str) -> None:
    """Everything, the switch of `current` last."""
    home = root / HOME / "releases" / release
    if home.exists():
        sys.exit(f"{home} exists, and a release never changes: write another name, RELEASE=…")
    grow(home, release, python)
    copy_settings(root)
    copy_units(root)
    point_at(root / HOME / "current", f"releases/{release}")
    print(f"{release} is laid out in {home}; what to do now: {home / 'deploy/RUNBOOK.md'}")


def grow(home: Path, release: str, python: str) -> None:
    """The release, which is there once it is whole."""
    growing = home.with_name(f".{release}.growing")
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir(parents=True)
    try:
        copy_code(growing)
        (growing / "RELEASE").write_text(f"{release}\n")
        make_environment(growing, python)
        compileall.compile_dir(growing, quiet=2)
        growing.rename(home)
    except subprocess.CalledProcessError:
        sys.exit("There is no new release: its environment could not be made, for the reason above.")
    finally:
        shutil.rmtree(growing, ignore_errors=True)


def copy_code(home: Path) -> None:
    """The code and its documents; no tests."""
    for name in CODE + DOCUMENTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, home / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(source, home / name)


def make_environment(home: Path, python: str) -> None:
    """One that may be moved, for it is not used where it is made."""
    uv, venv = Path(sys.executable).with_name("uv"), home / ".venv"
    lock = str(ROOT / "deploy/requirements/runtime.txt")
    install = [
        "pip",
        "install",
        "--quiet",
        "--link-mode=copy",
        "--require-hashes",
        "--python",
        str(venv / "bin/python"),
    ]
    subprocess.run([uv, "venv", "--quiet", "--relocatable", "--python", python, venv], check=True)
    subprocess.run([uv, *install, "-r", lock], check=True)


def copy_settings(root: Path) -> None:
    """Examples, where there is nothing yet; and a place for secrets that only root can read."""
    (root / ETC / "secrets").mkdir(parents=True, exist_ok=True)
    (root / ETC / "secrets").chmod(0o700)
    (root / LOGS).mkdir(parents=True, exist_ok=True)
    for example in sorted(file for pattern in EXAMPLES for file in (ROOT / "deploy").glob(pattern)):
        if not (kept := root / ETC / example.name).exists():
            shutil.copy(example, kept)


def copy_units(root: Path) -> None:
    """Ours; changes belong into drop-ins (`systemctl edit`)."""
    shutil.copytree(ROOT / "deploy/systemd", root / UNITS, dirs_exist_ok=True)
    for name, where in (("sysusers/tillkeeper.conf", SYSUSERS), ("supervisor/tillkeeper.conf", SUPERVISOR)):
        (root / where).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "deploy" / name, root / where)


def point_at(link: Path, target: str) -> None:
    """In one step: there is no moment without a current release."""
    new = link.with_name(f"{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


if __name__ == "__main__":
    main()
