"""How commands end, whatever they are asked and whatever is away."""

import io
import os
import re
import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class

from config.cli import arguments, terminal
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
    assert done.stderr.startswith("The database does not answer")
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
        "nginx cannot read '$' in '/a$b'": manage(
            tmp_path, "nginxconf", "--certificate", __file__, "--key", "/a$b", SHOP_URL="https://shop.example.com"
        ),
        "'\\udcff' is not text": manage(tmp_path, "jobs", "pause", "urgent", "--why", "\udcff"),
        "'\\udcfe' is not text": manage(tmp_path, "payments", "check", "1", "\udcfe"),
    }

    assert {done.returncode for done in wrong.values()} == {2}
    assert [said for said, done in wrong.items() if said not in done.stderr] == []


def test_a_link_to_a_certificate_stays_a_link(tmp_path: Path) -> None:
    """certbot turns it at each renewal."""
    (tmp_path / "live.pem").symlink_to(__file__)
    words = ("--certificate", str(tmp_path / "live.pem"), "--key", "live.key")
    site = manage(tmp_path, "nginxconf", *words, SHOP_URL="https://shop.example.com").stdout

    assert f'ssl_certificate     "{tmp_path}/live.pem";' in site
    assert f'ssl_certificate_key "{settings.BASE_DIR}/live.key";' in site


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


ROWS = """
import django; django.setup()
from datetime import timedelta
from django.utils import timezone
from billing.models import Payment
now = timezone.now()
Payment.objects.create(account="sandbox", reference="one", amount_minor=100, currency="EUR", description="Чай – 2 шт.",
    return_url="https://shop.example/", window_ends_at=now, next_check_at=now + timedelta(days=1),
    attention="mismatch", attention_note="The provider has 1,00 € – and says “оплачено” → ☂" + "." * 60)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a shop with a payment that needs an operator, on a terminal that shows only ASCII."""
    env = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path_factory.mktemp("shop")), "PYTHONIOENCODING": "ascii"}
    assert forked.manage(env, "migrate", "-v0").returncode == 0
    assert forked.manage(env, "demoshop").returncode == 0
    made = forked.run_code({**env, "DJANGO_SETTINGS_MODULE": "config.settings"}, ROWS)
    assert made.returncode == 0, made.stderr
    return env


SHOWN = {
    "backup {var}": 2, "checkmigrations": 0, "checkservices": 1, "consoleroles": 0, "demoshop --stock 3": 0,
    "jobs active": 0, "jobs dead": 2, "jobs doctor": 1, "jobs history": 0, "jobs pause routine --why ё→–": 0,
    "jobs queues": 2, "jobs registered": 0, "jobs reserved": 0, "jobs resume routine": 0, "jobs retry none": 2,
    "jobs scheduled": 0, "jobs stats": 0, "metrics --markdown": 0, "nginxconf --certificate {file} --key {file}": 2,
    "payments attention": 1, "payments check 1": 0, "payments check 1 –": 2, "payments list": 0, "payments show one": 0,
    "rabbitmqconf": 2, "reconcile": 2, "report": 0, "restore {var}/нет": 2, "restored --help": 0, "runlocal –": 2,
    "runscheduler": 2, "secondfactor remove none –": 2, "settings --markdown": 0, "dbroles": 2, "migrate": 0,
    "person export нет@example.com": 2, "person erase нет@example.com --why –": 2,
}  # fmt: skip


@pytest.mark.parametrize("words", SHOWN)
def test_no_character_is_too_much_for_a_terminal(shop: dict[str, str], words: str) -> None:
    """The status is the same as on any terminal, and what cannot be shown is replaced."""
    done = forked.manage(shop, *words.format(var=shop["VAR_DIR"], file=__file__).split())

    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == SHOWN[words], done.stdout + done.stderr
    assert not re.search(r"^\w*(Answer|Left|Error): ", done.stderr, re.M)  # a sentence, not the class of an error


@pytest.mark.parametrize("words", ["queues", "queues --json", "dead", "dead --all --drop", "retry --all"])
def test_queues_inside_another_process_are_not_called_empty(shop: dict[str, str], words: str) -> None:
    """One sentence and no numbers: they would be zeros."""
    done = forked.manage(shop, "jobs", *words.split())

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "The queues are inside the running process (no BROKER_URL): only its console sees them.\n"


def test_every_command_was_tried_on_such_a_terminal() -> None:
    """A new one needs a line in the table above."""
    assert {words.split()[0] for words in SHOWN} == OURS.keys()


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", r"- -> ... \u0447 \xe9 \u2602"), ("latin-1", r"- -> ... \u0447 é \u2602"),
        ("koi8-r", r"- -> ... ч \xe9 \u2602"), ("utf-8", "– → … ч é ☂"),
    ],
)  # fmt: skip
def test_a_character_that_is_missing_is_replaced_readably(encoding: str, shown: str) -> None:
    """And one that the terminal has is left alone."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
    terminal.write_readably(stream, None)
    stream.write("– → … ч é ☂")
    stream.flush()
    assert stream.buffer.getvalue().decode(encoding) == shown


def test_every_replacement_is_ascii() -> None:
    """Otherwise it would be missing too."""
    assert [each for each in terminal.INSTEAD.values() if not each.isascii()] == []


@pytest.mark.parametrize("encoding", ["latin-1", "koi8-r"])
def test_a_real_process_replaces_too(shop: dict[str, str], encoding: str) -> None:
    """The encodings of old terminals."""
    command = [sys.executable, "manage.py", "payments", "check", "1", "–"]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env={**shop, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"},
        capture_output=True, timeout=HANG_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (cli_command.NO_ANSWER, b"")
    assert b"-" in done.stderr
    assert b"Traceback" not in done.stderr


def test_since_takes_a_length_too_and_says_so() -> None:
    """Whoever types `yesterday` may write `1d`."""
    with pytest.raises(ArgumentTypeError, match="2d"):
        arguments.since("yesterday")


@pytest.mark.parametrize("text", ["2026-03-29", "2026-03-29T00:00:00Z", "2026-03-29T02:00+02:00"])
def test_a_moment_is_utc_if_nothing_else_is_said(text: str) -> None:
    """Wherever the machine stands."""
    assert arguments.since(text) == datetime(2026, 3, 29, tzinfo=UTC)
