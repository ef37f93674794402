"""Every panel of every dashboard has data, on a real Prometheus over a busy house."""

from collections.abc import Iterator

import pytest

from deploy.grafana.build import DASHBOARDS
from deploy.grafana.model import Panel
from tests.dashboards.busy import busy_house
from tests.dashboards.data import lines
from tests.monitoring import names_in, rules
from tests.stack.ports import wait_until
from tests.stack.prometheus import Prometheus

WINDOW_S = 300.0

PATIENCE_S = 120.0
"""A rate over a minute needs a minute of customers."""

PANELS = [(each.uid, panel) for each in DASHBOARDS for row in each.rows for panel in row.panels]


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    """It watches a house of its own, with RabbitMQ's exporter and customers who come and go."""
    with busy_house() as (_, watching):
        yield watching


@pytest.mark.alone
def test_rabbitmq_has_the_series_that_alerts_read(prometheus: Prometheus) -> None:
    """Of our own series a test knows the names; those of RabbitMQ only it knows itself."""
    read = {name for rule in rules("alerts.yml") for name in names_in(rule["expr"]) if name.startswith("rabbitmq_")}
    assert read
    for name in read:
        wait_until(lambda name=name: prometheus.query(name), f"RabbitMQ told {name}", PATIENCE_S)  # type: ignore[misc]


@pytest.mark.alone
@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=[f"{uid} {panel.title}" for uid, panel in PANELS])
def test_every_panel_returns_data(prometheus: Prometheus, uid: str, panel: Panel) -> None:
    """Each of its queries, with a number that is one."""
    for query in panel.queries:
        what = f"{uid}, {panel.title!r} had data for {query.expression}"
        wait_until(lambda query=query: lines(query, prometheus, WINDOW_S), what, PATIENCE_S, pause_s=1)  # type: ignore[misc]
