"""The pages of metrics that a busy house shows, with its database and without."""

import time

import pytest

from config.metrics.registry import CATALOGUE
from tests.metrics import Page
from tests.stack.ports import wait_until
from tests.stack.prometheus import DURATION, Prometheus, complaints
from tests.stopwatch import assert_quick
from tests.system.house import House

PARTS = ("web", "worker", "scheduler")


@pytest.fixture(scope="module")
def busy_house(_house: House) -> House:
    """Some orders were placed, paid, settled and mailed; others wait for their customers.

    All tests of this file share it: they only read, and a test that breaks the database repairs it.
    """
    _house.run()
    _house.tidy()
    _house.run(*PARTS)
    orders = _house.place(6)
    _house.pay(orders[:4])
    _house.wait_until_settled(orders[:4])
    return _house


def test_a_real_prometheus_sees_lag_and_backlog_of_every_kind_of_work(busy_house: House) -> None:
    """Each part is up, and the numbers of the database arrive."""
    with Prometheus({part: busy_house.metrics_address(part) for part in PARTS}) as prometheus:
        wait_until(lambda: len(prometheus.query("up == 1")) == len(PARTS), "every part was scraped")

        def kinds(name: str) -> set[str]:
            return {sample["metric"]["work"] for sample in prometheus.query(name)}

        wanted = {"payment", "refund", "callback", "payment_event", "notification", "order"}
        wait_until(lambda: kinds("tillkeeper_lag_seconds") >= wanted, "the database had been read")
        wait_until(lambda: kinds("tillkeeper_due_rows") == kinds("tillkeeper_lag_seconds"), "both are told")
        # What other tests have left undone is late until it was swept once.
        wait_until(lambda: prometheus.query("tillkeeper_lag_seconds > 20") == [], "nothing was late")


@pytest.mark.parametrize("part", PARTS)
def test_promtool_has_nothing_to_say_against_a_page(busy_house: House, part: str) -> None:
    """Names, units, types and help texts, as Prometheus wants them."""
    said = complaints(busy_house.metrics(part).text)
    assert [line for line in said.splitlines() if not line.startswith(DURATION)] == []


@pytest.mark.parametrize("part", PARTS)
def test_a_page_shows_nothing_that_is_not_in_the_catalogue(busy_house: House, part: str) -> None:
    """With the labels that the catalogue tells of."""
    page = busy_house.metrics(part)
    assert page.names <= CATALOGUE.keys()
    for name in page.names:
        for sample in page.families[name.removesuffix("_total")].samples:
            assert sample.labels.keys() - {"le"} == set(CATALOGUE[name].labels), name


def test_what_was_counted_is_shown_without_a_database(busy_house: House) -> None:
    """What is read is missing then, and the page says so."""
    busy_house.postgres.kill()
    try:
        page = busy_house.metrics("web")
    finally:
        busy_house.postgres.start()
    assert page.sum("tillkeeper_orders_total", event="placed") > 0
    assert page.labels("tillkeeper_reader_up", "reader") >= {"lag", "schedule", "mails"}
    assert page.sum("tillkeeper_reader_up") == 0
    assert not page.labels("tillkeeper_lag_seconds", "work")


@pytest.mark.campaign
@pytest.mark.alone
def test_a_database_that_is_frozen_does_not_hold_up_what_was_counted(busy_house: House) -> None:
    """With a connection that stands, and with one that has to be made; and afterwards all is as it was."""
    for _ in range(2):  # the first page cuts the connection, so the second needs another one
        busy_house.metrics("web")
        busy_house.postgres.freeze()
        try:
            pages = [_timed(busy_house) for _ in range(3)]
        finally:
            busy_house.postgres.thaw()
        for seconds, page in pages:
            assert_quick(seconds, 5, "a page without its database")
            assert page.sum("tillkeeper_orders_total", event="placed") > 0
            assert page.labels("tillkeeper_reader_up", "reader") >= {"lag", "schedule", "mails"}
            assert page.sum("tillkeeper_reader_up") == 0
            assert not page.labels("tillkeeper_lag_seconds", "work")
        wait_until(lambda: _all_up(busy_house), "everything was read again")


def _timed(house: House) -> tuple[float, Page]:
    started = time.perf_counter()
    page = house.metrics("web")
    return time.perf_counter() - started, page


def _all_up(house: House) -> bool:
    page = house.metrics("web")
    return page.sum("tillkeeper_reader_up") == len(page.labels("tillkeeper_reader_up", "reader"))
