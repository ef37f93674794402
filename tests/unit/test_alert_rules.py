"""Alerts, as they are shipped: what they read, whom they wake, and what the runbook says about each."""

import re
from typing import Any

import pytest
from django.urls import resolve

from actors.operations.findings import sections as findings
from actors.operations.queries.runbook import runbook
from tests.monitoring import RUNBOOK, document, is_known, names_in, rules

ALERTS = {rule["alert"]: rule for rule in rules("alerts.yml")}
CHAPTER = RUNBOOK.read_text().split("\n## Alerts\n")[1].split("\n## ")[0]
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^###|\Z)", CHAPTER, re.M | re.S))

TOLD_WITHIN_S = 120
"""The stall of any part is told within so long; what is above it are symptoms that build up, and tickets."""

PARTS = (
    "WebGone", "WorkersGone", "SchedulersGone", "ScheduleLate", "BrokerUnreachable", "DatabaseAway", "MailServerAway",
    "ProviderAway", "CallbacksLost",
)  # fmt: skip

each_alert = pytest.mark.parametrize("alert", ALERTS.values(), ids=lambda rule: rule["alert"])


def seconds(text: str) -> int:
    """A length of time as Prometheus writes it."""
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


@pytest.mark.parametrize(
    "rule", [*rules("recording.yml"), *rules("alerts.yml")], ids=lambda r: r.get("alert", r.get("record"))
)
def test_every_rule_reads_series_that_exist(rule: dict[str, Any]) -> None:
    """A series that was renamed silences an alert for ever."""
    assert {name for name in names_in(rule["expr"]) if not is_known(name)} == set()


def test_every_alert_has_its_section_in_the_runbook_and_no_other_has() -> None:
    """In the same order."""
    assert list(SECTIONS) == list(ALERTS)


@each_alert
def test_a_section_names_its_page_what_it_means_where_to_look_and_what_to_do(alert: dict[str, Any]) -> None:
    """Each in its own paragraph."""
    assert re.findall(r"^\*\*(.+?)\.\*\* ", SECTIONS[alert["alert"]], re.M) == ["Console", "Meaning", "Look at", "Do"]


BASE = '{{ with query "tillkeeper:links_info:last1d" }}{{ . | first | label "%s" }}{{ else }}%s{{ end }}'
"""The shop's own address, or a path while it is unknown."""


@each_alert
def test_an_alert_leads_to_its_section(alert: dict[str, Any]) -> None:
    """Below the shop's address of the runbook."""
    base = BASE % ("runbook", "RUNBOOK.md")
    assert alert["annotations"]["runbook_url"] == f"{base}#{alert['alert'].lower()}"


@each_alert
def test_an_alert_leads_to_a_page_of_the_console_that_its_section_explains(alert: dict[str, Any]) -> None:
    """A label may choose one of several pages; the section then names the list of them."""
    path = alert["annotations"]["console_url"].removeprefix(BASE % ("console", "/admin/console/"))
    page = "/admin/console/" + path.replace("{{ $labels.work }}", "payment").partition("#")[0]
    assert resolve(page).namespace == "console"
    named = "/admin/console/" + re.split("{{|#", path)[0]
    assert f"**Console.** [{named}]({named}): " in SECTIONS[alert["alert"]]


def test_every_anchor_of_the_runbook_exists() -> None:
    """Those of its own links, and those of findings."""
    manual = runbook()
    assert manual is not None
    anchors = [section.anchor for section in manual.sections]
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r"\]\(#([^)]*)\)", RUNBOOK.read_text())) | set(findings.SECTIONS) <= set(anchors)


def test_the_console_is_as_urgent_as_the_alert_about_the_same_thing() -> None:
    """A ticket is not red, and what wakes a person is."""
    wakes = {name.lower(): rule["labels"]["severity"] == "page" for name, rule in ALERTS.items()}
    both = wakes.keys() & findings.SECTIONS
    assert len(both) > 20
    assert {anchor: findings.SECTIONS[anchor] for anchor in both} == {anchor: wakes[anchor] for anchor in both}


@each_alert
def test_an_alert_says_whether_it_wakes_somebody(alert: dict[str, Any]) -> None:
    """Only the dead-man's switch is neither."""
    allowed = {"none"} if alert["alert"] == "DeadMansSwitch" else {"page", "ticket"}
    assert alert["labels"]["severity"] in allowed
    assert alert["annotations"]["summary"]


@pytest.mark.parametrize("name", PARTS)
def test_the_stall_of_a_part_can_be_told_in_time(name: str) -> None:
    """Asked every 10 s, evaluated every 10 s, waited for, and sent after 5 s: what is left is for the threshold."""
    configured = document("prometheus.yml")["global"]
    route = document("alertmanager.yml")["route"]
    asked = seconds(configured["scrape_interval"]) + seconds(configured["evaluation_interval"])
    waited = seconds(ALERTS[name].get("for", "0s")) + seconds(route["group_wait"])
    thresholds = [int(number) for number in re.findall(r"seconds\S* > (\d+)", ALERTS[name]["expr"])]
    assert asked + waited + max(thresholds, default=0) < TOLD_WITHIN_S


def test_every_alert_is_tried_firing_and_silent() -> None:
    """By promtool; the dead-man's switch is never silent. Further tests of an alert say "when …"."""
    tried = [test["name"] for test in document("tests.yml")["tests"] if " when " not in test["name"]]
    both = [f"{name} {word}" for name in ALERTS for word in ("fires", "is silent")]
    assert tried == [name for name in both if name != "DeadMansSwitch is silent"]


def test_a_page_and_a_ticket_and_the_dead_mans_switch_go_different_ways() -> None:
    """Each to a receiver of its own, which exists."""
    route = document("alertmanager.yml")["route"]
    used = {route["receiver"], *(each["receiver"] for each in route["routes"])}
    assert used == {receiver["name"] for receiver in document("alertmanager.yml")["receivers"]}
    assert used == {"page", "ticket", "dead-mans-switch"}


def test_what_is_inhibited_exists() -> None:
    """A misspelt name would inhibit nothing."""
    text = " ".join(
        matcher
        for rule in document("alertmanager.yml")["inhibit_rules"]
        for matcher in rule["source_matchers"] + rule["target_matchers"]
    )
    assert set(re.findall(r"[A-Z]\w+", text)) <= set(ALERTS)
