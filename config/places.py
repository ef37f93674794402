"""Where files are kept."""

from contextlib import suppress
from pathlib import Path

from config import env
from config.declared import section

BASE_DIR = Path(__file__).resolve().parent.parent

section("Files")

VAR_DIR = Path(env.text(
    "VAR_DIR", str(BASE_DIR / "var"),
    otherwise="`var` beside the code",
    help="Where files are kept: static files for the proxy, SQLite and mails of a trial, secrets made for oneself.",
    wrong="A directory that others can read shows them secrets. One that cannot be written stops the start.",
    example="/var/lib/tillkeeper",
))  # fmt: skip


def make_public(directory: Path) -> None:
    """Make it, if it is not there, for the proxy to read too: services have a umask that would shut it out."""
    with suppress(FileExistsError):
        directory.mkdir()
        directory.chmod(0o755)
