"""Every panel of every dashboard has data, on a real Prometheus over a busy house."""

import math
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from deploy.grafana.build import DASHBOARDS
from deploy.grafana.model import Panel, Query
from tests.monitoring import names_in, resolved, rules
from tests.stack.ports import HANG_S, wait_until
from tests.stack.programs import find_promtool
from tests.stack.prometheus import Prometheus
from tests.system.busy import busy_house

WINDOW_S = 1800
"""Longer than all of these tests take: some trouble was made only once, when the house was opened."""

PANELS = [(each.uid, panel) for each in DASHBOARDS for row in each.rows for panel in row.panels]


NIGHT = [
    {"series": 'tillkeeper_checkout_seconds_count{outcome="sent_on"}', "values": "7x60"},
    {"series": 'tillkeeper_checkout_seconds_bucket{outcome="sent_on", le="0.1"}', "values": "7x60"},
    {"series": 'tillkeeper_checkout_seconds_bucket{outcome="sent_on", le="+Inf"}', "values": "7x60"},
]
"""Nobody has pressed the button for an hour."""


def test_a_quiet_night_is_a_number(tmp_path: Path) -> None:
    """Nothing divided by nothing is no answer for whoever was woken up; a share of no checkouts is none."""
    asked = [query.expression for _, panel in PANELS if "heckout" in panel.title for query in panel.queries]
    numbers = [expression for expression in asked if "[5m]" in expression]
    tests = [{"expr": each, "eval_time": "60m", "exp_samples": [{"labels": "{}", "value": 0}]} for each in numbers]
    file = tmp_path / "night.yml"
    file.write_text(yaml.safe_dump({"tests": [{"interval": "1m", "input_series": NIGHT, "promql_expr_test": tests}]}))

    done = subprocess.run([find_promtool(), "test", "rules", file], capture_output=True, text=True, timeout=HANG_S)

    assert len(numbers) == 2
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    """It watches a house of its own, with RabbitMQ's exporter and customers who come and go."""
    with busy_house() as (_, watching):
        yield watching


@pytest.mark.campaign
@pytest.mark.alone
def test_rabbitmq_has_the_series_that_alerts_read(prometheus: Prometheus) -> None:
    """Of our own series a test knows the names; those of RabbitMQ only it knows itself."""
    read = {name for rule in rules("alerts.yml") for name in names_in(rule["expr"]) if name.startswith("rabbitmq_")}
    assert read
    for name in read:
        wait_until(lambda name=name: prometheus.query(name), f"RabbitMQ told {name}", HANG_S)  # type: ignore[misc]


@pytest.mark.campaign
@pytest.mark.alone
@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=[f"{uid} {panel.title}" for uid, panel in PANELS])
def test_every_panel_returns_data(prometheus: Prometheus, uid: str, panel: Panel) -> None:
    """Each of its queries, with a number that is one."""
    for query in panel.queries:
        what = f"{uid}, {panel.title!r} had data for {query.expression}"
        wait_until(lambda query=query: has_data(query, prometheus), what, HANG_S, pause_s=1)  # type: ignore[misc]


def has_data(query: Query, prometheus: Prometheus) -> bool:
    """Did the query have a number at any moment so far? A share of nothing (NaN) is none."""
    found = prometheus.query(f"min_over_time(({resolved(query.expression)})[{WINDOW_S}s:2s])")
    return any(math.isfinite(float(sample["value"][1])) for sample in found)
