"""How commands end, whatever they are asked and whatever is away."""

import os
import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class

from config.cli import arguments
from config.cli import command as cli_command
from tests import forked
from tests.stack.ports import HANG_S, LOOPBACK, free_port

OURS = {
    name: app
    for name, app in get_commands().items()
    if app.split(".")[0] in ("config", "billing", "commerce", "actors")
}


def manage(var: Path, *words: str, **changes: str) -> forked.Completed:
    """A command in a process of its own, with a database that is away."""
    address = f"postgres://till:hush@{LOOPBACK}:{free_port()}/shop"
    return forked.manage({"PATH": os.environ["PATH"], "VAR_DIR": str(var), "DATABASE_URL": address, **changes}, *words)


@pytest.mark.parametrize("buffered", [True, False])
def test_whoever_reads_may_have_enough(tmp_path: Path, buffered: bool) -> None:
    """`| head` is no reason for a traceback, whether the first line broke the pipe or what was left at the end."""
    env = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path)} | ({} if buffered else {"PYTHONUNBUFFERED": "1"})
    command = [sys.executable, "manage.py", "settings"]
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            command, cwd=settings.BASE_DIR, env=env, stdout=write, stderr=subprocess.PIPE, timeout=HANG_S, check=False
        )
    finally:
        os.close(write)

    assert (done.returncode, done.stderr) == (cli_command.NO_ANSWER, b"")


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_ends_by_the_one_rule(name: str) -> None:
    """It is in one place, no command goes by another, and its help tells it."""
    command = load_command_class(OURS[name], name)

    assert isinstance(command, cli_command.Command)
    assert cli_command.EXIT_STATUS_HELP in " ".join(command.create_parser("manage.py", name).format_help().split())


@pytest.mark.parametrize(
    "words",
    [
        ["payments", "list"], ["payments", "show", "1"], ["payments", "check", "1"], ["payments", "attention"],
        ["jobs", "history"], ["jobs", "pause", "urgent", "--why", "a test"], ["reconcile"], ["report"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_database_that_is_away_is_one_sentence(tmp_path: Path, words: list[str]) -> None:
    """Status 2, no traceback, and no password."""
    done = manage(tmp_path, *words, *(["--json"] if words != ["report"] else []))

    assert (done.returncode, done.stdout) == (2, "")
    assert "The database does not answer" in done.stderr
    assert "see DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hush" not in done.stderr


def test_words_that_make_no_sense_are_no_answer(tmp_path: Path) -> None:
    """An option, a setting, a day that is none: status 2, and what to write."""
    wrong = {
        "write one like 90s": manage(tmp_path, "payments", "list", "--older-than", "long"),
        "write one like 2026-03-29": manage(tmp_path, "reconcile", "--day", "soon"),
        "The setting LOG_STYLE": manage(tmp_path, "jobs", "active", LOG_STYLE="xml"),
        "SHOP_URL is": manage(tmp_path, "nginxconf", "--certificate", __file__, "--key", __file__),
        "write a name": manage(
            tmp_path, "nginxconf", "--certificate", __file__, "--key", __file__, SHOP_URL="https://[2001:db8::7]"
        ),
    }

    assert {done.returncode for done in wrong.values()} == {2}
    assert [said for said, done in wrong.items() if said not in done.stderr] == []


def test_what_is_found_or_left_is_another_status() -> None:
    """So that a script need not read."""
    assert cli_command.SomethingLeft("A person must look at 1.").returncode == 1
    assert cli_command.NoAnswer("There is none.").returncode == 2


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (arguments.count, "0"), (arguments.count, "-1"), (arguments.count, "1.5"), (arguments.count, "١"),
        (arguments.count, "100001"), (arguments.count, "9" * 5_000), (arguments.day, "2026-02-30"),
        (arguments.moment, "soon"), (arguments.since, "1w"), (arguments.length, "1w"),
    ],
)  # fmt: skip
def test_every_reader_says_what_to_write(reader: Callable[[str], object], text: str) -> None:
    """It refuses, and helps."""
    with pytest.raises(ArgumentTypeError, match="write"):
        reader(text)


def test_since_takes_a_length_too_and_says_so() -> None:
    """Whoever types `yesterday` may write `1d`."""
    with pytest.raises(ArgumentTypeError, match="2d"):
        arguments.since("yesterday")


@pytest.mark.parametrize("text", ["2026-03-29", "2026-03-29T00:00:00Z", "2026-03-29T02:00+02:00"])
def test_a_moment_is_utc_if_nothing_else_is_said(text: str) -> None:
    """Wherever the machine stands."""
    assert arguments.since(text) == datetime(2026, 3, 29, tzinfo=UTC)
