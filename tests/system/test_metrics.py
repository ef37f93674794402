"""The metrics of a house that is at work agree with its tables."""

import pytest

from config.metrics import CATALOGUE
from tests.stack.ports import wait_until
from tests.stack.prometheus import Prometheus, complaints
from tests.system.house import House

PARTS = ("web", "worker", "scheduler")


@pytest.fixture
def busy_house(full_house: House) -> House:
    """Some orders were placed, paid, settled and mailed; others wait for their customers."""
    orders = full_house.place(6)
    full_house.pay(orders[:4])
    full_house.wait_until_settled(orders[:4])
    return full_house


def test_a_real_prometheus_sees_lag_and_backlog_of_every_kind_of_work(busy_house: House) -> None:
    """Each part is up, and the numbers of the database arrive."""
    with Prometheus({part: busy_house.metrics_address(part) for part in PARTS}) as prometheus:
        wait_until(lambda: len(prometheus.query("up == 1")) == len(PARTS), "every part was scraped", 30)
        kinds = {sample["metric"]["work"] for sample in prometheus.query("tillkeeper_lag_seconds")}
        assert kinds == {sample["metric"]["work"] for sample in prometheus.query("tillkeeper_due_rows")}
        assert kinds >= {"payment", "refund", "callback", "payment_event", "notification", "order"}
        assert prometheus.query("tillkeeper_lag_seconds > 20") == []


@pytest.mark.parametrize("part", PARTS)
def test_promtool_has_nothing_to_say_against_a_page(busy_house: House, part: str) -> None:
    """Names, units, types and help texts, as Prometheus wants them; Dramatiq's milliseconds are not ours to change."""
    said = complaints(busy_house.metrics(part).text)
    assert [line for line in said.splitlines() if not line.startswith("dramatiq_message_duration_milliseconds")] == []


@pytest.mark.parametrize("part", PARTS)
def test_a_page_shows_nothing_that_is_not_in_the_catalogue(busy_house: House, part: str) -> None:
    """With the labels that the catalogue tells of."""
    page = busy_house.metrics(part)
    assert page.names <= CATALOGUE.keys()
    for name in page.names:
        for sample in page.families[name.removesuffix("_total")].samples:
            assert sample.labels.keys() - {"le"} == set(CATALOGUE[name].labels), name
