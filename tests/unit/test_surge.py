"""What a surge says of itself: when the shop had recovered, and when it had not."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.surge import RECOVERED_LOOKS, RECOVERS_WITHIN_S, Course, Report

CALM, SURGE, AFTER, OVER = 0.0, 10.0, 20.0, 20.0 + RECOVERS_WITHIN_S + 60

QUICK, SLOW = {"status": 200, "seconds": 0.03, "clothes": True}, {"status": 200, "seconds": 2.0, "clothes": True}
REFUSED, NAKED = {"status": 503, "seconds": 0.01, "clothes": True}, {"status": 502, "seconds": 0.01, "clothes": False}


@pytest.mark.parametrize(
    ("afterwards", "recovered_s", "is_good"),
    [
        ([QUICK], 0.0, True),
        ([SLOW] * 30 + [QUICK], 30.0, True),
        ([REFUSED] * 30 + [QUICK], 30.0, True),
        ([QUICK] * (RECOVERED_LOOKS - 1) + [REFUSED, QUICK], float(RECOVERED_LOOKS), True),
        ([NAKED, QUICK], 1.0, False),
        ([SLOW] * int(RECOVERS_WITHIN_S + 1) + [QUICK], RECOVERS_WITHIN_S + 1, False),
        ([SLOW], None, False),
    ],
)
def test_recovered_is_who_answers_ten_times_as_before(
    tmp_path: Path, afterwards: list[dict[str, Any]], recovered_s: float | None, is_good: bool
) -> None:
    """The last look stands for all that follow."""
    report = reported(tmp_path, afterwards)

    assert (report.recovered_s, report.has_recovered) == (recovered_s, is_good)


def test_late_work_is_no_recovery(tmp_path: Path) -> None:
    """However quick the pages are."""
    report = reported(tmp_path, [QUICK], lag_s=6.0)

    assert (report.recovered_s, report.has_recovered) == (None, False)


def test_a_part_that_ended_is_no_recovery_by_itself(tmp_path: Path) -> None:
    """Even if it is as good as new."""
    write(tmp_path, "parts", [{"at": 15.0, "part": "web", "what": "died"}])
    report = reported(tmp_path, [QUICK])

    assert (report.recovered_s, report.has_recovered) == (0.0, False)


def test_the_last_line_has_the_pages_that_came(tmp_path: Path) -> None:
    """A refusal comes quickly and is no page."""
    line = reported(tmp_path, [REFUSED, QUICK]).last_line()

    assert "offered=10/s" in line
    assert "page_before_ms=30 page_during_ms=2000 page_p95_ms=2000 page_worst_ms=2000 refused=6 naked=0" in line
    assert line.endswith("recovered_s=1")


def test_a_surge_that_refused_every_look_has_a_last_line(tmp_path: Path) -> None:
    """A short one, on a slow machine."""
    line = reported(tmp_path, [QUICK], during=[REFUSED]).last_line()

    assert "page_during_ms=0 page_p95_ms=0 page_worst_ms=0 refused=10 naked=0" in line


def test_customers_come_ten_times_as_often_in_the_surge() -> None:
    """Before it and after it as usual."""
    course = Course(times=10, seconds=20)

    assert [*course.arrivals()] == [1.0] * 20 + [0.1] * 200 + [1.0] * 60
    assert [*course.began] == ["calm", "surge", "after"]


def reported(
    directory: Path,
    afterwards: Sequence[dict[str, Any]],
    lag_s: float = 0.0,
    during: Sequence[dict[str, Any]] = (SLOW, REFUSED),
) -> Report:
    """A look each second; the surge refuses every other one."""
    looks = [QUICK if at < SURGE else during[at % len(during)] for at in range(int(AFTER))]
    looks += [afterwards[min(at, len(afterwards) - 1)] for at in range(int(OVER - AFTER))]
    write(directory, "looks", [{"at": float(at), **look} for at, look in enumerate(looks)])
    write(directory, "samples", [{"at": float(at), "placed": at, "lag_s": lag_s} for at in range(int(OVER))])
    write(directory, "surge", [{"calm": CALM, "surge": SURGE, "after": AFTER, "arrived": 300, "turned_away": 0}])
    return Report(directory, Course(times=10, seconds=AFTER - SURGE))


def write(directory: Path, name: str, lines: Sequence[dict[str, Any]]) -> None:
    """Notes of this kind."""
    (directory / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
