"""LOG_FILE: the lines of the console in a file too, from many processes, and over logrotate's rename."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commerce.order_number import number_of
from tests import forked
from tests.stack.ports import HANG_S, wait_until
from tests.stack.processes import Program, lives
from tests.system.house import House

ROOT = Path(__file__).resolve().parents[2]
WRITERS, LINES = 4, 300

WRITE = f"""
import django, logging, os, sys, time
django.setup()
log = logging.getLogger("tests.writer")
for number in range({LINES}):
    log.info("line.written", extra={{"writer": os.getpid(), "number": number, "padding": "é" * 9_000}})
    time.sleep(0.002)
"""


def environment(file: Path, var: Path, **more: str) -> dict[str, str]:
    """A fresh process with nothing but these settings."""
    ours = {"PATH": os.environ["PATH"], "VAR_DIR": str(var), "DJANGO_SETTINGS_MODULE": "config.settings"}
    return {**ours, "LOG_FILE": str(file), "LOG_STYLE": "json", **more}


def run(code: str, file: Path, var: Path, **more: str) -> forked.Completed:
    """One process from start to end."""
    return forked.run_code(environment(file, var, **more), code)


def test_the_file_has_the_lines_of_the_console(tmp_path: Path) -> None:
    """The same ones, in the same order."""
    file = tmp_path / "shop.log"
    code = "import django, logging; django.setup(); logging.warning('one'); logging.error('two', extra={'payment': 7})"
    ended = run(code, file, tmp_path)

    assert file.read_text() == ended.stderr
    assert [json.loads(line)["event"] for line in file.read_text().splitlines()] == ["one", "two"]


def test_a_readable_line_has_no_colours_in_the_file(tmp_path: Path) -> None:
    """Whatever the console shows."""
    file = tmp_path / "shop.log"
    run("import django, logging; django.setup(); logging.error('two')", file, tmp_path, LOG_STYLE="readable")

    assert file.read_text().strip().endswith("ERROR two")
    assert "\033" not in file.read_text()


def test_no_line_is_lost_or_torn_while_the_file_is_renamed(tmp_path: Path) -> None:
    """Four processes write lines longer than any buffer, and logrotate's rename comes three times meanwhile."""
    file = tmp_path / "shop.log"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE], cwd=ROOT, env=environment(file, tmp_path), stderr=subprocess.DEVNULL
        )
        for _ in range(WRITERS)
    ]
    for turn in range(3):
        wait_until(lambda: file.exists() and file.stat().st_size > 1_000_000, "a megabyte was written")
        file.rename(tmp_path / f"shop.log.{turn}")
    assert [writer.wait(HANG_S) for writer in writers] == [0] * WRITERS

    found: dict[int, list[int]] = {}
    for part in (*(tmp_path / f"shop.log.{turn}" for turn in range(3)), file):
        for line in part.read_text().splitlines():
            written = json.loads(line)
            found.setdefault(written["writer"], []).append(written["number"])
    assert list(found.values()) == [list(range(LINES))] * WRITERS


def test_logrotate_takes_the_shipped_example(tmp_path: Path) -> None:
    """Syntax, and nothing in it that our files would need a signal for."""
    logrotate = shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin")
    text = (ROOT / "deploy/logrotate/tillkeeper").read_text()
    assert "copytruncate" not in text.replace("no copytruncate", "")
    if logrotate:
        ours = text.replace("/var/log/tillkeeper", str(tmp_path)).replace("tillkeeper tillkeeper", "root root")
        (tmp_path / "rule").write_text(ours)
        done = subprocess.run(
            [logrotate, "--debug", str(tmp_path / "rule")], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("place", ["missing/shop.log", "."])
def test_a_file_that_cannot_be_written_stops_the_start(tmp_path: Path, place: str) -> None:
    """With the sentence that every wrong setting has, before anything is done."""
    ended = run("import django; django.setup()", tmp_path / place, tmp_path)

    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("The setting LOG_FILE is ")


def test_all_parts_of_a_running_shop_write_one_file(full_house: House) -> None:
    """gunicorn, worker and scheduler: each line of their consoles is in the file, whole."""
    [order] = full_house.place()
    full_house.pay([order])
    full_house.wait_until_settled([order])
    said = {part: whole_lines(full_house.part(part).output_of_this_run()) for part in ("web", "worker", "scheduler")}
    assert all(said.values())
    file = full_house.directory / "shop.log"
    wait_until(lambda: set.union(*said.values()) <= whole_lines(file.read_text()), "every line was in the file")


def whole_lines(text: str) -> set[str]:
    """Our lines, without one that is still being written."""
    return {line for line in text.splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")}


def test_a_file_that_is_lost_later_stops_no_work(tmp_path: Path) -> None:
    """It is said once, and the console has every line."""
    file = tmp_path / "logs" / "shop.log"
    file.parent.mkdir()
    code = (
        "import django, logging, shutil; django.setup(); from config.log_outputs import flush;"
        f"logging.warning('one'); flush(); shutil.rmtree({str(file.parent)!r});"
        "logging.warning('two'); logging.warning('three')"
    )
    ended = run(code, file, tmp_path)

    assert ended.returncode == 0
    said = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert len(said) == 1
    assert said[0].startswith(f"The log file {file} cannot be written: ")
    assert [json.loads(line)["event"] for line in ended.stderr.splitlines() if line.startswith("{")] == [
        "one", "two", "three",
    ]  # fmt: skip


def test_a_setting_of_an_earlier_release_is_named_in_the_log(tmp_path: Path) -> None:
    """It has no effect, and is not ignored in silence."""
    file = tmp_path / "shop.log"
    run("import django; django.setup()", file, tmp_path, CONSOLE_LATE_S="60")

    [line] = [json.loads(line) for line in file.read_text().splitlines()]
    assert (line["level"], line["event"], line["setting"]) == ("warning", "setting.removed", "CONSOLE_LATE_S")


# --- a reader that hangs, ends, or comes back -------------------------------------------------------------------------

MANY = 3_000
SAY = f"""
import django, logging, sys
django.setup()
from config.log_outputs import dropped_lines
for number in range({MANY}):
    logging.warning("line.written", extra={{"number": number}})
print(dropped_lines(), flush=True)
input()
"""


class Talker:
    """A process that writes MANY lines to a pipe, says how many were dropped, and waits for a word before its end."""

    def __init__(self, var: Path, code: str = SAY) -> None:
        self.reader, writer = os.pipe()
        env = environment(var / "shop.log", var)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=writer,
            text=True,
        )
        os.close(writer)

    def dropped(self) -> int:
        """What it says after its last line."""
        assert self.process.stdout
        return int(self.process.stdout.readline())

    def end(self) -> int:
        """Let it end; returns its status."""
        self.process.communicate("\n", HANG_S)
        return self.process.returncode


def numbers(lines: str) -> list[int]:
    """Of the lines that were written."""
    parsed = [json.loads(line) for line in lines.splitlines()]
    return [line["number"] for line in parsed if line["event"] == "line.written"]


def test_a_reader_that_hangs_stops_neither_the_work_nor_the_end(tmp_path: Path) -> None:
    """What did not fit is dropped and counted; what is written is whole and in order, and the file has every line."""
    talker = Talker(tmp_path)
    dropped = talker.dropped()
    assert 0 < dropped < MANY
    assert talker.end() == 0

    with open(talker.reader) as reader:
        whole = reader.read().rpartition("\n")[0]
    assert numbers(whole) == list(range(len(whole.splitlines())))
    assert numbers((tmp_path / "shop.log").read_text()) == list(range(MANY))


def test_a_reader_that_comes_back_is_told_how_many_lines_it_missed(tmp_path: Path) -> None:
    """In one line; together with those it gets, they are all."""
    talker = Talker(tmp_path)
    dropped = talker.dropped()
    with open(talker.reader) as reader:
        lines = [json.loads(reader.readline()) for _ in range(MANY - dropped + 1)]
        assert talker.end() == 0
        assert reader.read() == ""
    told = [line for line in lines if line["event"] == "log.dropped"]
    assert [(line["level"], line["lines"]) for line in told] == [("warning", dropped)]


def test_a_reader_that_has_gone_is_no_error(tmp_path: Path) -> None:
    """Every line is dropped; the file has them."""
    talker = Talker(tmp_path)
    os.close(talker.reader)
    assert talker.dropped() > 0
    assert talker.end() == 0
    assert numbers((tmp_path / "shop.log").read_text()) == list(range(MANY))


@pytest.mark.parametrize(
    ("end", "status"),
    [("", 0), ("sys.exit(3)", 3), ("raise ValueError", 1), ("import os; os.kill(os.getpid(), 2)", 1)],
    ids=["end", "exit", "exception", "Ctrl-C"],
)
@pytest.mark.parametrize("child", [False, True], ids=["process", "child process"])
def test_the_last_words_of_a_process_are_written(tmp_path: Path, end: str, status: int, child: bool) -> None:
    """However it ends. A child of multiprocessing, as Dramatiq's workers are, ends without exit handlers."""
    body = f"""
        import django, logging, sys
        django.setup()
        for number in range(100):
            logging.warning("line.written", extra={{"number": number}})
        {end}
    """
    code = f"def body():{body}\n"
    if child:
        code += "import multiprocessing, sys\nit = multiprocessing.get_context('fork').Process(target=body)\n"
        code += "it.start(); it.join(); sys.exit(it.exitcode)"
    else:
        code += "body()"
    ended = run(code, tmp_path / "shop.log", tmp_path)

    lines = "\n".join(line for line in ended.stderr.splitlines() if line.startswith("{"))
    assert numbers(lines) == numbers((tmp_path / "shop.log").read_text()) == list(range(100))
    assert ended.returncode in (status, -2)


TALK_DIRECTLY = """
import sys
from config.cli.terminal import never_wait_for_stderr
never_wait_for_stderr()
for _ in range(20_000):
    print("x" * 100, file=sys.stderr)
"""


@pytest.mark.parametrize("kind", [os.pipe, os.openpty, socket.socketpair], ids=["pipe", "terminal", "socket"])
def test_a_program_that_writes_past_the_log_does_not_wait_either(
    tmp_path: Path, kind: Callable[[], tuple[Any, Any]]
) -> None:
    """As gunicorn and Dramatiq do. Others that share the pipe or terminal may still wait for it."""
    reader, writer = kind()
    done = subprocess.run([sys.executable, "-c", TALK_DIRECTLY], cwd=ROOT, stderr=writer, timeout=HANG_S, check=False)
    assert done.returncode == 0
    if kind is not socket.socketpair:
        assert os.get_blocking(writer)
        assert os.read(reader, 1_000).startswith(b"x" * 100)
        os.close(reader)
        os.close(writer)


FULL_PIPE = ["bash", "-c", 'exec 2> >(exec sleep 3600); head -c 65536 /dev/zero >&2; exec "$@"', "full pipe"]
"""Runs a program whose standard error is full and not read."""

FULL_SOCKET = [
    sys.executable,
    "-c",
    "import os, socket, sys\n"
    "ours, reader = socket.socketpair()\n"
    "reader.set_inheritable(True)\n"
    "os.dup2(ours.fileno(), 2)\n"
    "os.set_blocking(2, False)\n"
    "try:\n"
    "    while True: os.write(2, bytes(4096))\n"
    "except BlockingIOError:\n"
    "    os.set_blocking(2, True)\n"
    "    os.execvp(sys.argv[1], sys.argv[1:])",
]
"""The same for a stream socket, which is what journald gives to a service."""

NO_READER = ["bash", "-c", 'exec "$@" 2> >(exec true)', "no reader"]


@pytest.mark.parametrize(
    "reader",
    [
        pytest.param(FULL_PIPE, id="hangs"),
        pytest.param(NO_READER, id="ends", marks=pytest.mark.campaign),
        pytest.param(FULL_SOCKET, id="journald hangs", marks=pytest.mark.campaign),
    ],
)
def test_a_shop_works_reloads_and_ends_whatever_reads_its_log(house: House, reader: list[str]) -> None:
    """More lines than a pipe holds. Every part has such a reader; the file goes on."""
    orders_of_a_pipe = 65
    names = ("web", "worker", "scheduler")
    commands = {name: house.part(name).command for name in names}
    try:
        for name in names:
            house.part(name).command = [*reader, *commands[name]]
            house.part(name).start()
        wait_until(lambda: house._web_answers() and house._worker_consumes(), "the shop was at work")
        settle(house, orders_of_a_pipe)
        if reader is NO_READER:
            lost = house.metrics("worker").sum("tillkeeper_log_lines_dropped_total", output="console")
            assert lost > 0
            wait_until(lambda: set(names) <= lossy(house), "the doctor had named each part")

        for name in ("web", "worker"):
            reload(house.part(name))
        wait_until(lambda: house._web_answers() and house._worker_consumes(), "the shop was at work again")
        settle(house, 1)
        for name in names:
            house.part(name).send(signal.SIGTERM)
        assert [house.part(name).wait(HANG_S) for name in names] == [0, 0, 0]
    finally:
        for name in names:
            house.part(name).kill()
            house.part(name).command = commands[name]


def lossy(house: House) -> set[str]:
    """The parts whose log drops lines, by the doctor."""
    found = json.loads(house.manage("jobs", "doctor", "--json").stdout)
    return {each["about"].split()[0] for each in found if "its log has dropped" in each["problem"]}


def settle(house: House, count: int) -> None:
    """Orders are paid, settled and mailed, and the log file knows each."""
    orders = house.place(count)
    house.pay(orders)
    house.wait_until_settled(orders)
    house.assert_paid_and_mailed_once(orders)
    file = (house.directory / "shop.log").read_text()
    keys = [house.sql("SELECT id FROM commerce_order WHERE public_id = %s", order.public_id)[0][0] for order in orders]
    assert [key for key in keys if number_of(key) not in file] == []


def reload(part: Program) -> None:
    """SIGHUP, and every process below the leader is another one (but the reader)."""
    old = {process for process in part.members() if process.pid != part.pid and process.name() not in ("sleep", "head")}
    part.send(signal.SIGHUP)
    wait_until(lambda: not any(lives(process) for process in old), "the old processes had ended")
