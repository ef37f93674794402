"""Panels as SVG in a page of HTML: for people who want to see the numbers and have no Grafana."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from deploy.grafana.model import COLUMNS, Dashboard, Panel, Row, Steps
from tests.dashboards.data import Line

WIDTH, HEIGHT, LEFT, BOTTOM = 560, 190, 70, 20

COLOURS = (
    "#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#65a30d", "#475569", "#a16207",
    "#1e40af", "#b45309",
)  # fmt: skip

TICKS = 4


@dataclass(frozen=True)
class Frame:
    """What a chart shows: from when to when, and up to which value."""

    first: float
    last: float
    highest: float

    @property
    def top(self) -> float:
        """Never nothing: a line of zeros lies on the ground."""
        return self.highest or 1.0

    @property
    def seconds(self) -> float:
        """How much time it shows."""
        return self.last - self.first

    def place(self, at: float, value: float) -> str:
        """Where it is in the picture."""
        x = LEFT + (at - self.first) / self.seconds * (WIDTH - LEFT)
        return f"{x:.1f},{(HEIGHT - BOTTOM) * (1 - value / self.top):.1f}"


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 24px; background: #f4f5f7; color: #1f2937 }}
h1 {{ font-size: 22px; margin: 0 }} h2 {{ font-size: 16px; margin: 24px 0 8px }} p {{ margin: 4px 0 }}
.row {{ display: grid; grid-template-columns: repeat({columns}, 1fr); gap: 10px }}
.panel {{ background: #fff; border: 1px solid #d5d9e0; border-radius: 6px; padding: 10px }}
.panel h3 {{ font-size: 14px; margin: 0 }} .panel p, .legend {{ font-size: 12px; color: #5b6472 }}
.stat {{ font-size: 30px; font-weight: 600; text-align: center; color: #fff; border-radius: 4px; margin-top: 8px }}
.green {{ background: #15803d }} .yellow {{ background: #a16207 }} .red {{ background: #b91c1c }}
.none {{ color: #b91c1c; font-weight: 600 }} .legend span {{ margin-right: 12px; white-space: nowrap }}
svg {{ width: 100%; height: auto }} svg text {{ font: 11px system-ui, sans-serif; fill: #5b6472 }}
</style>
<h1>{title}</h1><p>{description}</p>
{rows}
</html>
"""


def page_of(dashboard: Dashboard, lines: dict[str, list[Line]]) -> str:
    """The whole dashboard; `lines` are those of each panel, by its title."""
    rows = "".join(_row(row, lines) for row in dashboard.rows)
    title, description = escape(dashboard.title), escape(dashboard.description)
    return PAGE.format(title=title, description=description, rows=rows, columns=COLUMNS)


def spoken(value: float, unit: str) -> str:
    """As Grafana would write it, nearly.

    >>> [spoken(0.0042, "s"), spoken(95, "s"), spoken(0.25, "percentunit"), spoken(5e7, "bytes"), spoken(12.5, "cpm")]
    ['4.2 ms', '1.58 min', '25%', '47.7 MiB', '12.5 /min']
    >>> [spoken(1_018.0, "cpm"), spoken(123_456.0, "short"), spoken(1.05, "short")]
    ['1018 /min', '123456', '1.05']
    """
    match unit:
        case "s":
            return _scaled(value, ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"), (0.001, "ms")))
        case "ms":
            return spoken(value / 1_000, "s")
        case "bytes":
            return _scaled(value, ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")))
        case "percentunit":
            return f"{100 * value:.3g}%"
        case "cpm" | "cps":
            return f"{_rounded(value)} /{'min' if unit == 'cpm' else 's'}"
        case _:
            return _rounded(value)


def colour_of(value: float, steps: Steps | None) -> str:
    """Green, yellow or red."""
    if steps is None:
        return "green"
    reached = [step["color"] for step in steps.as_json()["steps"] if step["value"] is None or value >= step["value"]]
    return str(reached[-1])


def stacked(lines: list[Line]) -> list[Line]:
    """Each on the sum of those before it."""
    sums: dict[float, float] = {}
    result = []
    for line in lines:
        points = []
        for at, value in line.points:
            sums[at] = sums.get(at, 0.0) + value
            points.append((at, sums[at]))
        result.append(Line(line.name, tuple(points)))
    return result


def _scaled(value: float, units: Sequence[tuple[float, str]]) -> str:
    size, name = next((each for each in units if abs(value) >= each[0]), units[-1])
    return f"{value / size:.3g} {name}" if value else f"0 {units[-2][1]}"


def _rounded(value: float) -> str:
    """Three digits; all of them where there are more before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _row(row: Row, lines: dict[str, list[Line]]) -> str:
    panels = "".join(_panel(panel, lines[panel.title]) for panel in row.panels)
    return f'<h2>{escape(row.title)}</h2><div class="row">{panels}</div>'


def _panel(panel: Panel, lines: list[Line]) -> str:
    head = f"<h3>{escape(panel.title)}</h3><p>{escape(panel.description)}</p>"
    return f'<div class="panel" style="grid-column: span {panel.width}">{head}{_body(panel, lines)}</div>'


def _body(panel: Panel, lines: list[Line]) -> str:
    if not lines:
        return '<p class="none">no data</p>'
    return _stat(panel, lines[0]) if panel.kind == "stat" else _chart(panel, lines)


def _stat(panel: Panel, line: Line) -> str:
    return f'<div class="stat {colour_of(line.last, panel.steps)}">{escape(spoken(line.last, panel.unit))}</div>'


def _chart(panel: Panel, lines: list[Line]) -> str:
    drawn = stacked(lines) if panel.stacked else lines
    times = [at for line in drawn for at, _ in line.points]
    frame = Frame(
        min(times), max(*times, min(times) + 1), 1.05 * max(value for line in drawn for _, value in line.points)
    )
    shapes = _areas(drawn, frame) if panel.stacked else _paths(drawn, frame)
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}">{_grid(frame.top, panel.unit)}{shapes}{_time(frame.seconds)}</svg>'
    return svg + _legend(lines, panel.unit)


def _paths(lines: list[Line], frame: Frame) -> str:
    return "".join(_path(line, colour, frame) for line, colour in zip(lines, _colours(lines), strict=True))


def _path(line: Line, colour: str, frame: Frame) -> str:
    points = " ".join(frame.place(at, value) for at, value in line.points)
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{points}"/>'


def _areas(lines: list[Line], frame: Frame) -> str:
    """The uppermost is drawn first: each hides what lies behind it, and its colour is as high as its own value."""
    both = zip(lines, _colours(lines), strict=True)
    return "".join(_area(line, colour, frame) for line, colour in reversed(list(both)))


def _area(line: Line, colour: str, frame: Frame) -> str:
    corners = [*line.points, (line.points[-1][0], 0.0), (line.points[0][0], 0.0)]
    points = " ".join(frame.place(at, value) for at, value in corners)
    shapes = f'<polygon fill="#fff" points="{points}"/><polygon fill="{colour}" fill-opacity="0.25" points="{points}"/>'
    return shapes + _path(line, colour, frame)


def _grid(top: float, unit: str) -> str:
    heights = [(number * top / TICKS, (HEIGHT - BOTTOM) * (1 - number / TICKS)) for number in range(TICKS + 1)]
    return "".join(
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e7eb"/>'
        f'<text x="{LEFT - 5}" y="{max(y + 4, 10):.1f}" text-anchor="end">{escape(spoken(value, unit))}</text>'
        for value, y in heights
    )


def _time(seconds: float) -> str:
    y = HEIGHT - 5
    return f'<text x="{LEFT}" y="{y}">{seconds:.0f} s ago</text><text x="{WIDTH}" y="{y}" text-anchor="end">now</text>'


def _legend(lines: list[Line], unit: str) -> str:
    named = "".join(
        f'<span><b style="color:{colour}">━</b> {escape(line.name)} {escape(spoken(line.last, unit))}</span> '
        for line, colour in zip(lines, _colours(lines), strict=True)
    )
    return f'<div class="legend">{named}</div>'


def _colours(lines: list[Line]) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(len(lines))]
