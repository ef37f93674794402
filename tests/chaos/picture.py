"""Draws a run along one axis of time: the faults, the work that was late, orders and their ends. `timeline.svg`."""

import json
import sys
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

WIDTH, LEFT, RIGHT = 1200, 110, 20
ROW, GRAPH, GAP = 18, 150, 30
"""Pixels: a row of one kind of fault, a graph, and the space between."""

TICKS = 10

COLOURS = {"faults": "#b3261e", "placed": "#1a56a8", "ended": "#2e7d32", "lag": "#8a5a00", "errors": "#b3261e"}

STYLE = "font-family: sans-serif; font-size: 12px"

Line = dict[str, Any]


class Timeline:
    """One picture; `seconds` are counted from the start of the run."""

    def __init__(self, started_at: float, ended_at: float) -> None:
        self._start, self._length = started_at, max(1.0, ended_at - started_at)
        self._parts: list[str] = []
        self._y = GAP

    def rows_of_faults(self, faults: Sequence[Line]) -> None:
        """One row for each kind, a bar for each fault; its target is shown by the pointer."""
        self._title("faults")
        for kind in sorted({fault["kind"] for fault in faults}):
            self._text(LEFT - 8, self._y + 13, kind, "end")
            for fault in faults:
                if fault["kind"] == kind:
                    self._bar(fault)
            self._y += ROW
        self._y += GAP

    def graph(self, title: str, lines: dict[str, Sequence[tuple[float, float]]]) -> None:
        """Values over time, each line in its colour, from 0 to the largest."""
        self._title(title)
        top = max([1.0, *(value for points in lines.values() for _, value in points)])
        bottom = self._y + GRAPH
        self._parts.append(f'<path d="M{LEFT} {self._y}V{bottom}H{WIDTH - RIGHT}" fill="none" stroke="#999"/>')
        self._text(LEFT - 8, self._y + 10, f"{top:.0f}", "end")
        self._text(LEFT - 8, bottom, "0", "end")
        for number, (name, points) in enumerate(lines.items()):
            steps = " ".join(f"{self._x(at):.1f},{bottom - value / top * GRAPH:.1f}" for at, value in points)
            colour = COLOURS[name]
            self._parts.append(f'<polyline points="{steps}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
            self._parts.append(
                f'<text x="{LEFT + 120 + 90 * number}" y="{self._y - 6}" fill="{colour}">{escape(name)}</text>'
            )
        self._y = bottom + GAP

    def axis(self) -> None:
        """Seconds since the start."""
        for number in range(TICKS + 1):
            seconds = self._length * number / TICKS
            self._text(self._x(self._start + seconds), self._y - 10, f"{seconds:.0f} s", "middle")

    def svg(self, title: str) -> str:
        """The whole document."""
        size, paper = f'width="{WIDTH}" height="{self._y}"', '<rect width="100%" height="100%" fill="white"/>'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} style="{STYLE}" role="img">'
            f"<title>{escape(title)}</title>{paper}{''.join(self._parts)}</svg>\n"
        )

    def _bar(self, fault: Line) -> None:
        left, right = self._x(fault["at"]), self._x(fault["until"])
        what = escape(f"{fault['target']} {fault['detail']}".strip())
        self._parts.append(
            f'<rect x="{left:.1f}" y="{self._y + 3}" width="{max(2.0, right - left):.1f}" height="{ROW - 6}" '
            f'fill="{COLOURS["faults"]}" fill-opacity="0.7"><title>{what}</title></rect>'
        )

    def _title(self, words: str) -> None:
        self._text(LEFT, self._y - 6, words, "start")

    def _text(self, x: float, y: float, words: str, anchor: str) -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>')

    def _x(self, at: float) -> float:
        return LEFT + (at - self._start) / self._length * (WIDTH - LEFT - RIGHT)


def draw(directory: Path) -> Path:
    """Draw the run whose notes are in the directory; returns the file."""
    run = json.loads((directory / "run.json").read_text(encoding="utf-8"))
    samples, errors = _lines(directory / "samples.jsonl"), _lines(directory / "requests.jsonl")
    ended_at = run["rested_at"] or max([run["healed_at"], *(sample["at"] for sample in samples)])
    timeline = Timeline(run["started_at"], ended_at)
    timeline.rows_of_faults(_lines(directory / "faults.jsonl"))
    timeline.graph("orders", {name: [(each["at"], each[name]) for each in samples] for name in ("placed", "ended")})
    timeline.graph("seconds late", {"lag": [(each["at"], each["lag_s"]) for each in samples]})
    timeline.graph("failed requests", {"errors": list(_count(each["at"] for each in errors))})
    timeline.axis()
    file = directory / "timeline.svg"
    file.write_text(timeline.svg(f"Chaos run with seed {run['seed']}"), encoding="utf-8")
    return file


def _count(moments: Iterable[float]) -> Iterable[tuple[float, float]]:
    """How many there were up to each moment."""
    return ((at, float(number)) for number, at in enumerate(sorted(moments), 1))


def _lines(file: Path) -> list[Line]:
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    print(draw(Path(sys.argv[1])))
