"""Alerts on real programs: promtool tries every rule, and one page is followed from the stall to the pager."""

import time

import pytest

from tests.alerts.promtool import tool
from tests.alerts.stalls import killed
from tests.alerts.watch import watching
from tests.stack.programs import find_alertmanager, find_promtool
from tests.stopwatch import assert_quick
from tests.system.house import House

TOLD_WITHIN_S = 120.0
SLOW_MACHINE_S = 300.0


def test_prometheus_understands_what_is_shipped() -> None:
    """Configuration and rules."""
    assert tool(find_promtool(), "check", "config", "prometheus.yml") == ""


def test_alertmanager_understands_what_is_shipped() -> None:
    """Routes, receivers and what is inhibited."""
    amtool = find_alertmanager().with_name("amtool")
    assert tool(amtool, "check-config", "alertmanager.yml") == ""


def test_every_alert_fires_when_it_should_and_only_then() -> None:
    """deploy/prometheus/tests.yml."""
    assert tool(find_promtool(), "test", "rules", "tests.yml") == ""


@pytest.mark.campaign
@pytest.mark.alone
def test_a_page_arrives_when_the_workers_are_gone(full_house: House) -> None:
    """With the shipped files; the other parts are stopped by `make alerts-drill`, which takes half an hour."""
    stall = killed("worker", "WorkersGone")
    with watching(full_house) as watch:
        since = time.monotonic()
        stall.breaks(full_house)
        seconds = watch.seconds_until_called(stall.alert, since, SLOW_MACHINE_S)
        stall.mends(full_house)
        watch.wait_until_silent({stall.alert}, SLOW_MACHINE_S)
        # Prometheus sends it again after a minute where it had not yet found the Alertmanager the first time.
        watch.seconds_until_called("DeadMansSwitch", 0, SLOW_MACHINE_S)

    assert {call.receiver for call in watch.called(stall.alert, since)} == {"page"}
    assert {call.receiver for call in watch.called("DeadMansSwitch", 0)} == {"dead-mans-switch"}
    assert_quick(seconds, TOLD_WITHIN_S, "the page about the workers")
