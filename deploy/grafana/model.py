"""Dashboards as Python objects, and the JSON that Grafana reads. Uses only the standard library.

Panels are placed automatically: in rows, from the left; one that does not fit starts the next line.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from deploy.grafana.colors import overrides

SCHEMA_VERSION = 39
"""The schema of Grafana 11's classic model; newer versions read and update it."""

COLUMNS = 24
"""The width of Grafana's grid."""

CONSOLE = {
    "name": "console", "label": "Console", "type": "query", "hide": 2, "refresh": 1,
    "datasource": {"type": "prometheus", "uid": "${datasource}"},
    "query": {"query": "label_values(tillkeeper_links_info, console)", "refId": "console"},
}  # fmt: skip
"""A variable that is not shown: the address of the operators' console, as the shop tells it."""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Query:
    """A PromQL expression and the legend of its lines: "{{label}}" stands for a label's value."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Steps:
    """The values at which a number becomes yellow and red. If less is worse, red is the lower one."""

    yellow: float
    red: float

    def as_json(self) -> dict[str, Any]:
        """Grafana's thresholds: a color applies from its value on."""
        if self.red > self.yellow:
            steps = [("green", None), ("yellow", self.yellow), ("red", self.red)]
        else:
            steps = [("red", None), ("yellow", self.red), ("green", self.yellow)]
        return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}


@dataclass(frozen=True)
class Panel:
    """A number (`stat`), a line chart (`timeseries`) or states over time (`state-timeline`).

    `unit` is a unit's name in Grafana; `words` shows values as these texts, each in its color.
    """

    title: str
    description: str
    unit: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    steps: Steps | None = None
    stacked: bool = False
    words: Mapping[int, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Dashboard:
    """A dashboard. `uid` is part of its URL, for links and bookmarks."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    console_page: str = ""
    """The page of the operators' console about the same."""

    refresh: str = "10s"
    tags: Sequence[str] = field(default=("tillkeeper",))

    def as_json(self) -> dict[str, Any]:
        """The JSON that Grafana provisions from a file."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": list(self.tags),
            "editable": False,
            "graphTooltip": 1,  # all charts share the crosshair
            "refresh": self.refresh,
            "schemaVersion": SCHEMA_VERSION,
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "",
            "templating": {"list": [_datasource_variable(), CONSOLE]},
            "links": [_link_to_the_others(), _link_to_the_console(self.console_page)],
            "panels": list(self._laid_out()),
        }

    def _laid_out(self) -> Iterator[dict[str, Any]]:
        number, y = 0, 0
        for row in self.rows:
            number += 1
            yield _heading(row, number, y)
            y += 1
            x = tallest = 0
            for panel in row.panels:
                if x + panel.width > COLUMNS:
                    x, y, tallest = 0, y + tallest, 0
                number += 1
                yield _panel(panel, number, x, y)
                x, tallest = x + panel.width, max(tallest, panel.height)
            y += tallest


def _heading(row: Row, number: int, y: int) -> dict[str, Any]:
    grid = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
    return {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": grid, "panels": []}


def _panel(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    letters = ascii_uppercase[: len(panel.queries)]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {
            "defaults": _defaults(panel),
            "overrides": overrides([query.legend for query in panel.queries]),
        },
        "options": _OPTIONS[panel.kind],
        "targets": [_target(each, letter, panel.kind) for each, letter in zip(panel.queries, letters, strict=True)],
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    lines = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 25 if panel.stacked else 0,
        "showPoints": "never",
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if panel.steps else "off"},
    }
    thresholds = (
        panel.steps.as_json() if panel.steps else {"mode": "absolute", "steps": [{"color": "green", "value": None}]}
    )
    custom: dict[str, dict[str, Any]] = {
        "timeseries": {"custom": lines},
        "state-timeline": {"custom": {"lineWidth": 0, "fillOpacity": 80}},
    }
    words = {
        str(value): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(panel.words.items())
    }
    mappings = {"mappings": [{"type": "value", "options": words}]} if words else {}
    return {"unit": panel.unit, "min": 0, "thresholds": thresholds, **mappings, **custom.get(panel.kind, {})}


def _target(query: Query, letter: str, kind: str) -> dict[str, Any]:
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "expr": query.expression,
        "legendFormat": query.legend or "__auto",
        "instant": kind == "stat",
        "range": kind != "stat",
    }


_OPTIONS: dict[str, dict[str, Any]] = {
    "stat": {
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "center",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "auto",
    },
    "state-timeline": {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.8,
        "showValue": "always",
        "tooltip": {"mode": "single", "sort": "none"},
    },
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
}


def _datasource_variable() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}


def _link_to_the_others() -> dict[str, Any]:
    return {
        "title": "Tillkeeper", "type": "dashboards", "tags": ["tillkeeper"], "asDropdown": False, "keepTime": True,
        "includeVars": True, "targetBlank": False, "icon": "external link", "tooltip": "", "url": "",
    }  # fmt: skip


def _link_to_the_console(page: str) -> dict[str, Any]:
    return {
        "title": "Console", "type": "link", "url": f"${{console:raw}}{page}", "icon": "dashboard", "tooltip": "",
        "tags": [], "asDropdown": False, "keepTime": False, "includeVars": False, "targetBlank": True,
    }  # fmt: skip
