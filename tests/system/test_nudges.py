"""The publisher of nudges in processes of their own, against a real broker."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.stack.ports import HANG_S
from tests.stopwatch import assert_quick
from tests.system.house import ROOT, House


@pytest.mark.alone
def test_a_full_queue_drops_and_counts(house: House) -> None:
    """With a silent broker nudging takes no time: what does not fit into the queue is dropped and counted."""
    house.rabbitmq.freeze()
    try:
        came = nudge(house, "flood")
    finally:
        house.rabbitmq.thaw()

    assert 500 - 1 <= came["dropped"] <= 500
    assert_quick(came["seconds"], 1, "nudging into the silence")


def test_a_forked_process_has_a_publisher_of_its_own(house: House) -> None:
    """A fork takes no thread along, and must neither use its parent's connection nor lose the nudge."""
    assert nudge(house, "fork") == {"dropped": 0, "dropped_by_child": 0}
    assert sorted(arrived(house)) == [1, 2, 3]


def test_many_threads_share_one_connection(house: House) -> None:
    """However many threads nudge, a process keeps one connection to the broker."""
    assert nudge(house, "crowd") == {"sent": 100, "connections": 1}
    assert sorted(arrived(house)) == list(range(100))


def test_a_broker_that_was_restarted_costs_no_connection(house: House) -> None:
    """The publisher connects anew, and leaves nothing of the old connection behind."""
    with nudger(house, "again") as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        house.rabbitmq.kill()
        house.rabbitmq.start()
        came, _ = process.communicate("go on\n", timeout=HANG_S)
    assert json.loads(came) == {"sent": 2, "connections": 1}
    assert set(arrived(house)) >= {2}


def nudge(house: House, what: str) -> Any:
    """Let a process nudge, and return what it says."""
    with nudger(house, what) as process:
        said, _ = process.communicate(timeout=HANG_S)
    return json.loads(said)


@contextmanager
def nudger(house: House, what: str) -> Iterator["subprocess.Popen[str]"]:
    """The process, with its two ends; killed if it is still there afterwards."""
    command = [sys.executable, "-m", "tests.system.nudger", what]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=house.environment, cwd=ROOT, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def arrived(house: House) -> list[int]:
    """The numbers in the nudges that arrived."""
    return [each["args"][0] for each in house.take_all("urgent")]
