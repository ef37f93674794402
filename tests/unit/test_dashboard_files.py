"""Dashboards, as they are shipped: what the builder writes, what Grafana needs, and what each panel reads."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml
from django.urls import resolve

from billing.callbacks.inbox import NOT_STORED
from billing.errors import ProviderError
from billing.models import Breaker, Callback
from billing.states import DisputeStatus, RefundStatus, Status
from config.security_log import SecurityEvent
from deploy.grafana.build import DASHBOARDS, DIRECTORY, file_of, written
from deploy.grafana.colors import COLORS, STATE_LABELS
from deploy.grafana.model import COLUMNS, Dashboard, Panel, Query, Row, Steps
from tests.monitoring import ROOT, counters_in, document, is_known, labels_in, names_in, resolved

UNITS = {"short", "s", "ms", "cpm", "cps", "percentunit", "bytes"}
"""Grafana's own names of units; a misspelt one is shown behind every number."""

each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.uid)


def panels(dashboard: Dashboard) -> Iterator[Panel]:
    """Without the headings."""
    for row in dashboard.rows:
        yield from row.panels


def queries() -> list[Any]:
    """Every expression of every panel."""
    return [
        pytest.param(query.expression, id=f"{each.uid} {panel.title} {query.legend}")
        for each in DASHBOARDS
        for panel in panels(each)
        for query in panel.queries
    ]


@each_dashboard
def test_the_file_is_what_the_builder_writes(dashboard: Dashboard) -> None:
    """Run `make dashboards` and commit what it writes."""
    assert file_of(dashboard).read_text() == written(dashboard)


def test_there_is_no_file_that_nobody_writes() -> None:
    """A dashboard that was renamed leaves none behind."""
    assert set(DIRECTORY.iterdir()) == {file_of(each) for each in DASHBOARDS}


def test_every_dashboard_has_an_address_of_its_own() -> None:
    """Grafana refuses the second one with the same."""
    assert len({each.uid for each in DASHBOARDS}) == len({each.title for each in DASHBOARDS}) == len(DASHBOARDS)
    assert all(len(each.uid) <= 40 for each in DASHBOARDS)


@each_dashboard
def test_ids_and_letters_are_unique(dashboard: Dashboard) -> None:
    """Of panels on a page, of queries in a panel."""
    found = dashboard.as_json()["panels"]
    assert len({panel["id"] for panel in found}) == len(found)
    for panel in found:
        letters = [target["refId"] for target in panel.get("targets", [])]
        assert len(set(letters)) == len(letters)
        assert all(letters)


@each_dashboard
def test_no_panel_lies_on_another(dashboard: Dashboard) -> None:
    """And none reaches beyond the grid."""
    places = [panel["gridPos"] for panel in dashboard.as_json()["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= COLUMNS for place in places)
    assert [pair for pair in combinations(places, 2) if overlap(*pair)] == []


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    """Have two places a field in common?"""
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or above)


@each_dashboard
def test_every_panel_asks_the_prometheus_that_was_chosen(dashboard: Dashboard) -> None:
    """By the variable, never by an address of ours."""
    page = dashboard.as_json()
    assert [variable["name"] for variable in page["templating"]["list"]] == ["datasource", "console"]
    for panel in page["panels"]:
        for asked in [panel, *panel["targets"]] if panel["type"] != "row" else []:
            assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@each_dashboard
def test_every_panel_explains_itself(dashboard: Dashboard) -> None:
    """A title, a sentence, a unit, and titles that are not given twice on a page."""
    assert dashboard.description.endswith(".")
    titles = [panel.title for panel in panels(dashboard)]
    assert len(set(titles)) == len(titles)
    for panel in panels(dashboard):
        assert panel.title
        assert panel.description.endswith("."), panel.title
        assert panel.unit in UNITS, panel.title
        assert panel.queries, panel.title


def outcomes_of_calls(error: type[ProviderError] = ProviderError) -> set[str]:
    """Those of this error and of all that are more special."""
    return {error.outcome}.union(*(outcomes_of_calls(each) for each in error.__subclasses__()))


STATES: dict[str, set[str]] = {
    "tillkeeper_callbacks_total": {*Callback.Outcome.values, "received", "repeated", NOT_STORED},
    "tillkeeper_mails_total": {"sent", "put_off", "refused_by_server", "given_up", "uncertain"},
    "tillkeeper_messages_total": {"done", "retried", "failed", "dropped"},
    "tillkeeper_nudges_total": {"sent", "dropped"},
    "tillkeeper_open_disputes": set(DisputeStatus.values),
    "tillkeeper_orders_total": {"placed", "paid", "canceled", "expired", "delivered", "refunded", "attention"},
    "tillkeeper_outcomes_total": {
        "snoozed",
        "left",
        "put_off",
        "done",
        "released",
        "claim_lost",
        "failed",
        "attention",
    },
    "tillkeeper_payments_total": set(Status.values),
    "tillkeeper_provider_request_seconds_count": {*outcomes_of_calls(), "answered"},
    "tillkeeper_refunds_total": set(RefundStatus.values),
    "tillkeeper_security_events_total": set(SecurityEvent),
    "tillkeeper_unsent_mails": {"queued", "given_up"},
}
"""Every state that a line of a panel may be, by its series."""


@each_dashboard
def test_every_state_has_a_color_of_its_own_meaning(dashboard: Dashboard) -> None:
    """The same on each panel, whatever the order of the lines."""
    for panel, page in zip(panels(dashboard), shown(dashboard), strict=True):
        for query in panel.queries:
            if not query.legend.endswith(tuple(f"{{{{{label}}}}}" for label in STATE_LABELS)):
                continue
            [series] = names_in(query.expression)
            for state in STATES[series]:
                line = re.sub(r"{{\w+}}$", state, query.legend).replace("{{account}}", "stripe")
                assert color_of(line, page["fieldConfig"]["overrides"]) is not None, (panel.title, line)


def test_a_state_has_one_color() -> None:
    """And what was paid is green, what waits is gray, what failed is red."""
    words = [word for group in COLORS.values() for word in group]
    assert len(set(words)) == len(words)
    assert set(words) == set().union(*STATES.values())
    [page] = [each for each in DASHBOARDS if each.uid == "tillkeeper-payments"]
    overrides = next(shown(page))["fieldConfig"]["overrides"]
    seen = {state: color_of(state, overrides) for state in ("succeeded", "pending", "failed", "canceled")}
    assert seen == {"succeeded": "green", "pending": "gray", "failed": "red", "canceled": "blue"}
    assert color_of("unsucceeded", overrides) is None


def color_of(line: str, overrides: list[dict[str, Any]]) -> str | None:
    """The fixed color of a line with this name."""
    for each in overrides:
        if re.search(each["matcher"]["options"].strip("/"), line):
            [change] = each["properties"]
            assert (change["id"], change["value"]["mode"]) == ("color", "fixed")
            return str(change["value"]["fixedColor"])
    return None


def shown(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    """The panels as Grafana reads them, without the headings."""
    return (each for each in dashboard.as_json()["panels"] if each["type"] != "row")


@each_dashboard
def test_every_line_has_a_name(dashboard: Dashboard) -> None:
    """Of its own: a number's is its title."""
    for panel in shown(dashboard):
        legends = [target["legendFormat"] for target in panel["targets"]]
        assert "__auto" not in legends, panel["title"]
        assert len(set(legends)) == len(legends), panel["title"]


def test_what_is_on_or_off_is_a_word() -> None:
    """Never a line between 0 and 1: breakers, and the parts that answer or do not."""
    words = {}
    for panel in (each for dashboard in DASHBOARDS for each in shown(dashboard)):
        read = {name for target in panel["targets"] for name in names_in(target["expr"])}
        if read & {"tillkeeper_reader_up", "tillkeeper_breaker_state"} and "not closed" not in panel["title"]:
            [mapping] = panel["fieldConfig"]["defaults"]["mappings"]
            words[panel["title"]] = {(each["text"], each["color"]) for each in mapping["options"].values()}
    part = {("away", "red"), ("answers", "green")}
    breaker = {("closed", "green"), ("held", "orange"), ("open", "red")}
    assert words == {"RabbitMQ": part, "Database": part, "Breakers": breaker}
    assert {text for text, _color in breaker} == set(Breaker.values)


@each_dashboard
def test_a_dashboard_leads_to_its_page_of_the_console(dashboard: Dashboard) -> None:
    """By the address that the shop tells."""
    [link] = [each for each in dashboard.as_json()["links"] if each["title"] == "Console"]
    base, page = link["url"].split("}")
    assert base == "${console:raw"
    assert resolve(f"/admin/console/{page}").namespace == "console"


@pytest.mark.parametrize("expression", queries())
def test_every_expression_reads_series_that_exist(expression: str) -> None:
    """Parsed with Prometheus' own grammar."""
    assert {name for name in names_in(expression) if not is_known(name)} == set()


@pytest.mark.parametrize("expression", queries())
def test_every_label_exists(expression: str) -> None:
    """A label that no series has makes one line of all, or none."""
    assert labels_in(expression) == set()


@pytest.mark.parametrize("expression", queries())
def test_what_only_grows_is_shown_as_a_rate(expression: str) -> None:
    """The height of a counter says how long ago the process was started."""
    assert counters_in(expression) == set()


@each_dashboard
def test_a_legend_names_labels_that_the_lines_have(dashboard: Dashboard) -> None:
    """What is summed away is shown as an empty word."""
    for panel in panels(dashboard):
        for query in panel.queries:
            kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", query.expression)))) | {"instance"}
            assert set(re.findall(r"{{(\w+)}}", query.legend)) <= kept, panel.title


def test_a_rate_is_never_taken_over_less_than_two_samples() -> None:
    """Grafana must know how often Prometheus asks."""
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/tillkeeper.yml").read_text())
    asked = document("prometheus.yml")["global"]["scrape_interval"]
    assert [each["jsonData"]["timeInterval"] for each in source["datasources"]] == [asked]


def test_panels_flow_into_the_next_line() -> None:
    """Where one does not fit, below the tallest of the line before."""
    wide, flat = panel_of(width=16, height=8), panel_of(width=8, height=4)
    places = [each["gridPos"] for each in page_of(wide, flat, wide).as_json()["panels"]]
    assert [(place["x"], place["y"]) for place in places] == [(0, 0), (0, 1), (16, 1), (0, 9)]


def test_thresholds_may_lead_up_or_down() -> None:
    """More is worse for lag, less is worse for workers."""
    assert [step["color"] for step in Steps(10, 30).as_json()["steps"]] == ["green", "yellow", "red"]
    assert [step["color"] for step in Steps(1, 0.5).as_json()["steps"]] == ["red", "yellow", "green"]


def test_a_panel_with_too_many_queries_is_refused() -> None:
    """Rather than shown without the last ones."""
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        page_of(panel_of(queries=[Query("up")] * 27)).as_json()


def test_grafanas_own_words_are_replaced_before_prometheus_reads_them() -> None:
    """The interval is a matter of the picture's width."""
    assert resolved("rate(a[$__rate_interval])") == "rate(a[1m])"


def panel_of(**changes: Any) -> Panel:
    """Some panel."""
    facts: dict[str, Any] = {"title": "t", "description": "d.", "unit": "s", "queries": [Query("up")]}
    return Panel(**{**facts, **changes})


def page_of(*some: Panel) -> Dashboard:
    """Some dashboard."""
    return Dashboard("uid", "title", "d.", [Row("row", some)])
