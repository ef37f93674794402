"""What Prometheus answers to the queries of a panel."""

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

from deploy.grafana.model import Panel, Query
from tests.monitoring import resolved
from tests.stack.prometheus import Prometheus

STEP_S = 2

_direct = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class Line:
    """One line of a chart: what it is called, and its points as (seconds, value); nothing that is not a number."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        """The latest value."""
        return self.points[-1][1]


def lines_of(panel: Panel, prometheus: Prometheus, seconds: float) -> list[Line]:
    """Every line of the panel over the last so many seconds."""
    return [line for query in panel.queries for line in lines(query, prometheus, seconds)]


def lines(query: Query, prometheus: Prometheus, seconds: float) -> list[Line]:
    """Those that have a point at all."""
    end = time.time()
    asked = {"query": resolved(query.expression), "start": end - seconds, "end": end, "step": STEP_S}
    with _direct.open(f"{prometheus.url}/api/v1/query_range?{urlencode(asked)}", timeout=20) as answer:
        found = json.load(answer)["data"]["result"]
    named = [Line(_name(query.legend, each["metric"]), _points(each["values"])) for each in found]
    return [line for line in named if line.points]


def _points(values: list[tuple[float, str]]) -> tuple[tuple[float, float], ...]:
    return tuple((at, float(value)) for at, value in values if math.isfinite(float(value)))


def _name(legend: str, labels: Mapping[str, str]) -> str:
    """As Grafana fills it in."""
    for label, value in labels.items():
        legend = legend.replace(f"{{{{{label}}}}}", value)
    return re.sub(r"{{\w+}}", "", legend) or ", ".join(labels.values()) or "none"
