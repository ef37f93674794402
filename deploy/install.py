"""Installs a release, ready to run or to be packed: `make install DESTDIR=…`.

A release never changes: its directory holds its code, its environment from the hashed lock, and its name. `current`
points at one release; to roll back, point it at another. Existing settings in /etc are never overwritten.
"""

import argparse
import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = ("config", "billing", "commerce", "actors", "deploy", "manage.py", "setup.cfg")
DOCUMENTS = ("README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "LICENSE")

HIDDEN = ("/root", "/home")
"""Hidden from the units by `ProtectHome=`."""

HOME, ETC, LOGS = Path("opt/tillkeeper"), Path("etc/tillkeeper"), Path("var/log/tillkeeper")
EXAMPLES = ("etc/*", "nginx/operators.conf")
UNITS, SYSUSERS, SUPERVISOR = Path("etc/systemd/system"), Path("etc/sysusers.d"), Path("etc/supervisor/conf.d")
LOGROTATE = Path("etc/logrotate.d")


def main() -> None:
    """Install the release; an error is one sentence, and leaves no partial release."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("destdir", type=Path, help="the root to install under; / for this machine")
    parser.add_argument("release", help="its name, like 1.4.0 or a commit")
    parser.add_argument("--python", default=sys.executable, help="3.11 to 3.14; the release runs on it")
    options = parser.parse_args()
    if not options.release or "/" in options.release or options.release.startswith("."):
        sys.exit(f"The release is called {options.release!r}: write a name like 1.4.0, RELEASE=1.4.0.")
    os.umask(0o022)  # root's own may be stricter, and another user runs the release
    lay_out(options.destdir.resolve(), options.release, usable(options.python))


def usable(python: str) -> str:
    """The interpreter. Exits with a sentence if there is none; warns if the services could not run it."""
    found = shutil.which(python)
    if not found:
        sys.exit(f"There is no {python}: write PYTHON=/usr/bin/python3, or another of 3.11 to 3.14.")
    real = Path(found).resolve()
    if any(real.is_relative_to(home) for home in HIDDEN):
        print(f"{real} is in a home directory, hidden from the units: use PYTHON=/usr/bin/python3.", file=sys.stderr)
    return found


def lay_out(root: Path, release: str, python: str) -> None:
    """Install everything, and switch `current` last."""
    home = root / HOME / "releases" / release
    if home.exists():
        sys.exit(f"{home} exists, and a release never changes: write another name, RELEASE=…")
    build(home, release, python)
    copy_settings(root)
    copy_units(root)
    point_at(root / HOME / "current", f"releases/{release}")
    print(f"{release} is installed in {home}; the next steps: {home / 'deploy/RUNBOOK.md'}")


def build(home: Path, release: str, python: str) -> None:
    """Build the release in another directory, and rename it when it is complete."""
    unfinished = home.with_name(f".{release}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        copy_code(unfinished)
        (unfinished / "RELEASE").write_text(f"{release}\n")
        make_environment(unfinished, python)
        compileall.compile_dir(unfinished, quiet=2)
        unfinished.rename(home)
    except subprocess.CalledProcessError:
        sys.exit("There is no new release: its environment could not be made, for the reason above.")
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def copy_code(home: Path) -> None:
    """Copy the code and its documents, without tests and without the secrets of `make up`."""
    for name in CODE + DOCUMENTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, home / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "secrets"))
        else:
            shutil.copy(source, home / name)


def make_environment(home: Path, python: str) -> None:
    """Make a relocatable environment: it is renamed after it is made."""
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
    """Copy example settings that are missing, and make a directory for secrets that only root can read."""
    (root / ETC / "secrets").mkdir(parents=True, exist_ok=True)
    (root / ETC / "secrets").chmod(0o700)
    (root / LOGS).mkdir(parents=True, exist_ok=True)
    (root / LOGROTATE).mkdir(parents=True, exist_ok=True)
    examples = [(file, ETC) for pattern in EXAMPLES for file in sorted((ROOT / "deploy").glob(pattern))]
    for example, where in [*examples, (ROOT / "deploy/logrotate/tillkeeper", LOGROTATE)]:
        if not (kept := root / where / example.name).exists():
            shutil.copy(example, kept)


def copy_units(root: Path) -> None:
    """Replace our units; an operator's changes belong in drop-ins (`systemctl edit`)."""
    shutil.copytree(ROOT / "deploy/systemd", root / UNITS, dirs_exist_ok=True)
    for name, where in (("sysusers/tillkeeper.conf", SYSUSERS), ("supervisor/tillkeeper.conf", SUPERVISOR)):
        (root / where).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "deploy" / name, root / where)


def point_at(link: Path, target: str) -> None:
    """Switch atomically: there is always a current release."""
    new = link.with_name(f"{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


if __name__ == "__main__":
    main()
