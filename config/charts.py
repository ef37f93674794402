"""Draws charts as SVG: the pages need no script, and can be printed.

Widths are percentages and heights are pixels, without a viewBox: a chart fills its container, and its text keeps the
size of the page's text. Colours are classes of the page, for light, dark and paper. Each chart has a title and a
description for screen readers, and a table with the same numbers beside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from config.formats import percent

TOP, BOTTOM = 14, 22
"""Pixels above the highest bar, and below the bars for the labels."""

LEAST_PX, LEAST_PERCENT = 4, 1.5
"""The height of the smallest bar and the width of the smallest part: one failure among thousands must be seen."""


@dataclass(frozen=True)
class Series:
    """One kind of bar: its name, the class that colours it, and its values."""

    name: str
    css: str
    values: Sequence[float]


@dataclass(frozen=True)
class Part:
    """A part of a whole; `shares` computes its percent."""

    name: str
    css: str
    number: int
    percent: float = 0.0

    @property
    def share(self) -> str:
        """The percent as the reader's language writes it."""
        return percent(self.percent / 100)


def shares(parts: Sequence[Part]) -> list[Part]:
    """The parts with their percent of the sum, 0 if there is nothing."""
    total = sum(part.number for part in parts)
    return [replace(part, percent=part.number / total * 100 if total else 0.0) for part in parts]


def bars(title: str, labels: Sequence[str], series: Sequence[Series], height: int = 200, every: int = 1) -> SafeString:
    """Vertical bars, side by side for several series, with every n-th label below."""
    ceiling = nice_ceiling(max((value for one in series for value in one.values), default=0))
    base, room = height - BOTTOM, height - BOTTOM - TOP
    drawn = [*_grid(ceiling, base, room), *_bars(labels, series, base, room / ceiling), *_below(labels, every, height)]
    return _svg(title, _description(labels, series), height, drawn)


def stacked(title: str, parts: Sequence[Part], height: int = 28) -> SafeString:
    """One horizontal bar in parts; only its background if all are 0."""
    shown = [part for part in shares(parts) if part.number]
    widths = [max(part.percent, LEAST_PERCENT) for part in shown]
    left, drawn = 0.0, []
    for part, wide in zip(shown, widths, strict=True):
        width = wide / sum(widths) * 100
        drawn.append(_rect(part.css, left, 0, width, height, f"{part.name}: {_grouped(part.number)}"))
        left += width
    description = ", ".join(f"{part.name}: {_grouped(part.number)}" for part in parts)
    return _svg(title, description, height, drawn, "chart whole")


def nice_ceiling(highest: float) -> float:
    """The least of 1, 2, 4, 6, 10, 20, 40, … that is not below it: half of it is a whole number, except for 1.

    >>> [nice_ceiling(n) for n in (0, 1, 3, 7, 11, 45, 999)]
    [1, 1, 4, 10, 20, 60, 1000]
    """
    power = 1
    while True:
        for step in (1, 2, 4, 6):
            if highest <= step * power:
                return step * power
        power *= 10


def _bars(labels: Sequence[str], series: Sequence[Series], base: int, scale: float) -> Iterator[SafeString]:
    """A 0 has no bar."""
    for number, one in enumerate(series):
        for slot, value in enumerate(one.values):
            wide, tall = 100 / len(labels), max(value * scale, LEAST_PX)
            width = wide * 0.8 / len(series)
            x, hint = wide * (slot + 0.1) + width * number, f"{labels[slot]}: {_grouped(value)} {one.name}"
            if value:
                yield _rect(one.css, x, base - tall, width, tall, hint)


def _rect(css: str, x: float, y: float, width: float, height: float, hint: str) -> SafeString:
    return format_html(
        '<rect class="{}" x="{}%" y="{}" width="{}%" height="{}"><title>{}</title></rect>',
        css, f"{x:.3f}", f"{y:.1f}", f"{width:.3f}", f"{height:.1f}", hint,
    )  # fmt: skip


def _grid(ceiling: float, base: int, room: int) -> list[SafeString]:
    """Lines at the top, the middle and the bottom, labelled with whole numbers only."""
    lines = []
    for value in (0.0, ceiling / 2, ceiling):
        y = f"{base - value / ceiling * room + 0.5:.1f}"
        lines.append(format_html('<line class="grid" x1="0" x2="100%" y1="{}" y2="{}"/>', y, y))
        if value and value == int(value):
            lines.append(format_html('<text class="scale" x="0" y="{}" dy="-3">{}</text>', y, _grouped(value)))
    return lines


def _below(labels: Sequence[str], every: int, height: int) -> list[SafeString]:
    return [
        format_html('<text x="{}%" y="{}">{}</text>', f"{100 / len(labels) * (slot + 0.5):.3f}", height - 6, label)
        for slot, label in enumerate(labels)
        if slot % every == 0
    ]


def _description(labels: Sequence[str], series: Sequence[Series]) -> str:
    """The sum and the highest bar of each series; the table has all values."""
    sentences = []
    for one in series:
        highest = max(one.values, default=0)
        peak = f", {labels[list(one.values).index(highest)]}: {_grouped(highest)}" if highest else ""
        sentences.append(f"{one.name}: {_grouped(sum(one.values))}{peak}")
    return "; ".join(sentences)


def _grouped(number: float) -> str:
    """As the reader's language groups its digits."""
    return number_format(int(number), force_grouping=True)


def _svg(title: str, description: str, height: int, drawn: Sequence[SafeString], css: str = "chart") -> SafeString:
    """`role=img` and a label: screen readers treat it as one picture."""
    label = f"{title}. {description}" if description else title
    return format_html(
        '<svg class="{}" role="img" aria-label="{}" width="100%" height="{}" focusable="false">{}</svg>',
        css, label, height, format_html_join("", "{}", ((part,) for part in drawn)),
    )  # fmt: skip
