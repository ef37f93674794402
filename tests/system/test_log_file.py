"""LOG_FILE: the lines of the console in a file too, from many processes, and over logrotate's rename."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forked
from tests.stack.ports import HANG_S, wait_until
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
        "import django, logging, shutil; django.setup(); logging.warning('one');"
        f"shutil.rmtree({str(file.parent)!r}); logging.warning('two'); logging.warning('three')"
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
