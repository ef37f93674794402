"""The metrics of a house that is at work agree with its tables."""

import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from config.metrics.registry import CATALOGUE, READERS
from tests.embedded import Embedded
from tests.metrics import Page
from tests.stack.mail import MailServer
from tests.stack.ports import HANG_S, LOOPBACK, free_port, wait_until
from tests.stack.processes import Program
from tests.stack.prometheus import DURATION, complaints
from tests.system.house import ROOT, House, http, message

# --- the truth -------------------------------------------------------------------------------------------------------


class Counted:
    """What several parts have counted since this object was made."""

    def __init__(self, house: House, *parts: str) -> None:
        self._house, self._parts = house, parts
        self._before = {part: house.metrics(part) for part in parts}

    def __call__(self, name: str, **labels: str) -> int:
        now = sum(self._house.metrics(part).sum(name, **labels) for part in self._parts)
        return round(now - sum(page.sum(name, **labels) for page in self._before.values()))


TABLES = """
    SELECT (SELECT count(*) FROM commerce_order), (SELECT count(*) FROM commerce_order WHERE status = 'paid'),
           (SELECT count(*) FROM billing_payment WHERE status = 'succeeded'),
           (SELECT count(*) FROM commerce_notification WHERE status = 'sent'),
           (SELECT count(*) FROM billing_callback), (SELECT count(*) FROM billing_callback WHERE outcome = 'looked')
"""


def test_counters_agree_with_the_tables_and_with_each_other(house: House) -> None:
    """Orders, payments, mails, callbacks; and every nudge that was sent has become one message that was processed."""
    house.run("web", "worker")  # without the schedule, nothing goes on by itself
    counted, [before] = Counted(house, "web", "worker"), house.sql(TABLES)
    orders = house.place(6)
    house.pay(orders[:4])
    house.wait_until_settled(orders[:4])

    def all_were_processed() -> bool:
        names = ("tillkeeper_messages_total", "tillkeeper_message_wait_seconds_count", "dramatiq_messages_total")
        return {counted("tillkeeper_nudges_total", outcome="sent")} == {counted(name) for name in names} != {0}

    wait_until(all_were_processed, "every nudge had become a message that was processed, and was counted once")
    [after] = house.sql(TABLES)
    assert (
        counted("tillkeeper_orders_total", event="placed"),
        counted("tillkeeper_orders_total", event="paid"),
        counted("tillkeeper_payments_total", status="succeeded"),
        counted("tillkeeper_mails_total", outcome="sent"),
        counted("tillkeeper_callbacks_total", result="received"),
        counted("tillkeeper_callbacks_total", result="looked"),
    ) == tuple(now - then for now, then in zip(after, before, strict=True))
    assert counted("tillkeeper_orders_total", event="placed") == counted("tillkeeper_checkout_seconds_count") == 6


@pytest.mark.campaign
def test_the_scheduler_counts_the_ticks_of_the_ledger(full_house: House) -> None:
    """The ledger goes on, so it is read before and after each look; one wake-up may lie between row and count."""

    def ledger() -> int:
        return int(full_house.sql("SELECT count(*) FROM actors_tick")[0][0])

    wake_up, lowest = 12, ledger()
    counted, highest = Counted(full_house, "scheduler"), ledger()
    wait_until(lambda: counted("tillkeeper_ticks_fired_total") >= 30, "many ticks were fired")
    then, fired, now = ledger(), counted("tillkeeper_ticks_fired_total"), ledger()
    assert then - highest - wake_up <= fired <= now - lowest + wake_up


# --- the faults of Dramatiq's own middleware -------------------------------------------------------------------------


@pytest.fixture
def worker(house: House) -> House:
    """A worker that nobody else sends to."""
    house.run("worker")
    return house


def test_a_retry_is_counted_once(worker: House) -> None:
    """Three messages that fail for good run three times each: six retries, where the stock middleware counts twelve."""
    counted = Counted(worker, "worker")
    for _ in range(3):
        worker.publish("urgent", message("check_payment"))  # its argument is missing
    wait_until(lambda: counted("dramatiq_message_rejects_total") == 3, "all were given up")

    wait_until(lambda: worker.rabbitmq.counts("urgent.XQ") == 3, "they were dead letters")
    assert counted("dramatiq_messages_total", actor_name="check_payment") == 9
    assert counted("dramatiq_message_errors_total", actor_name="check_payment") == 9
    assert counted("dramatiq_message_retries_total", actor_name="check_payment") == 6
    assert counted("tillkeeper_messages_total", outcome="retried") == 6
    assert counted("tillkeeper_messages_total", outcome="failed") == 3


@pytest.mark.campaign
def test_a_delayed_message_is_in_the_gauge_until_it_is_due_and_its_delay_is_no_wait(worker: House) -> None:
    """Stock, the gauge goes up under one queue and down under the other, for ever."""
    counted = Counted(worker, "worker")
    eta = round((time.time() + 20) * 1000)
    worker.publish("urgent.DQ", message("check_payment", 0, age_s=20, queue_name="urgent.DQ", options={"eta": eta}))

    def delayed() -> float:
        return worker.metrics("worker").sum("dramatiq_delayed_messages_inprogress", queue_name="urgent")

    wait_until(lambda: delayed() == 1, "it was in memory", 19)
    wait_until(lambda: counted("tillkeeper_messages_total", outcome="done") == 1, "it was worked on")
    assert delayed() == 0
    assert worker.metrics("worker").labels("dramatiq_delayed_messages_inprogress", "queue_name") == {"urgent"}
    assert counted("tillkeeper_message_wait_seconds_sum") < 30


def test_a_name_that_no_actor_has_is_no_label(worker: House) -> None:
    """Anybody who can write into the queue could make as many series as they like."""
    counted = Counted(worker, "worker")
    for number in range(3):
        worker.publish("urgent", message(f"open_safe_{number}"))
    wait_until(lambda: counted("dramatiq_message_rejects_total", actor_name="unknown") == 3, "they were refused")
    assert "open_safe" not in worker.metrics("worker").text
    worker.take_all("urgent.XQ")


def test_a_second_worker_with_the_same_port_says_so_and_works(worker: House) -> None:
    """The work is worth more than the page."""
    worker.run("worker", "worker2")
    wait_until(lambda: '"probes.no_port"' in worker.part("worker2").output(), "it said so")
    assert "Set another METRICS_PORT" in worker.part("worker2").output()
    wait_until(lambda: worker.consumers("urgent") == 2, "both consumed")


def test_a_worker_that_was_killed_leaves_nothing_to_the_next(worker: House) -> None:
    """Neither its numbers nor its files."""
    for _ in range(3):
        worker.publish("urgent", message("check_payment", 0))
    wait_until(lambda: worker.metrics("worker").sum("dramatiq_messages_total") >= 3, "they were worked on")
    worker.part("worker").kill()
    worker.run()
    worker.purge()  # what it had not yet acknowledged came back
    worker.run("worker")
    worker.publish("urgent", message("check_payment", 0))

    wait_until(lambda: worker.metrics("worker").sum("dramatiq_messages_total") > 0, "it was worked on")
    assert worker.metrics("worker").sum("dramatiq_messages_total") == 1
    [only] = [path for path in (worker.directory / "metrics").iterdir() if path.is_dir() and any(path.glob("*.db"))]
    assert {path.name.rpartition("_")[2] for path in only.glob("*.db")} <= {
        f"{process.pid}.db" for process in worker.part("worker").members()
    }


def test_a_worker_that_starts_anew_keeps_its_page_and_its_counts(worker: House) -> None:
    """SIGHUP: the port goes to one of the new processes."""
    worker.publish("urgent", message("check_payment", 0))
    wait_until(lambda: worker.metrics("worker").sum("dramatiq_messages_total") > 0, "it was worked on")
    before = worker.metrics("worker").sum("dramatiq_messages_total")
    old = {process.pid for process in worker.part("worker").members()} - {worker.part("worker").pid}
    worker.part("worker").send(signal.SIGHUP)
    wait_until(lambda: not old & {process.pid for process in worker.part("worker").members()}, "new processes ran")
    wait_until(lambda: _answers(f"http://{worker.metrics_address('worker')}/healthz"), "one of them answered")
    worker.publish("urgent", message("check_payment", 0))

    wait_until(lambda: worker.metrics("worker").sum("dramatiq_messages_total") == before + 1, "it was counted")


# --- several processes, and one --------------------------------------------------------------------------------------


def test_the_processes_of_the_web_are_one_page(house: House) -> None:
    """Whichever of them answers; and what one has counted stays counted when it is killed."""
    address = f"{LOOPBACK}:{free_port()}"
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "-c", "deploy/gunicorn.conf.py", "--bind", address]
    with Program("web", [*command, "--workers", "2", "--no-control-socket"], house.environment, ROOT) as web:
        wait_until(lambda: _answers(f"http://{address}/healthz") or not web.alive, "it answered")
        for number in range(20):
            http().post(f"http://{address}/callbacks/sandbox/", data=f"several {number}", timeout=HANG_S)
        assert {_received(address) for _ in range(10)} == {20}

        one = next(process for process in web.members() if process.pid != web.pid)
        one.kill()
        wait_until(lambda: len(web.members()) == 3 and one.pid not in {each.pid for each in web.members()}, "again")
        assert {_received(address) for _ in range(10)} == {20}
        assert not list((house.directory / "metrics").glob(f"*/*_{one.pid}.db"))


def test_the_embedded_shop_has_all_on_one_page(prepared: Path, tmp_path: Path) -> None:
    """Counted in memory, by threads."""
    with MailServer() as mail:
        shop = Embedded(shutil.copytree(prepared, tmp_path / "var"), mail.port)
        shop.start()
        try:
            wait_until(lambda: _page(shop.url).sum("tillkeeper_messages_total", outcome="done") > 5, "it worked")
            page = _with_all_readers(shop.url)
        finally:
            shop.program.stop()
    assert page.names <= CATALOGUE.keys()
    assert page.labels("tillkeeper_queue_messages", "queue") == {"urgent", "urgent.XQ", "routine", "routine.XQ"}
    assert page.labels("tillkeeper_schedule_overdue_seconds", "schedule") >= {"check_pending_payments"}
    assert not [line for line in complaints(page.text).splitlines() if not line.startswith(DURATION)]


def _received(address: str) -> float:
    return _page(f"http://{address}").sum("tillkeeper_callbacks_total", result="received")


def _page(url: str) -> Page:
    return Page(http().get(f"{url}/metrics", timeout=HANG_S).text)


def _with_all_readers(url: str) -> Page:
    """The first page on which nothing is missing: on a busy machine a reader may be given up."""
    pages: list[Page] = []

    def complete() -> bool:
        pages.append(_page(url))
        return pages[-1].sum("tillkeeper_reader_up") == len(READERS)

    wait_until(complete, "every reader had an answer")
    return pages[-1]


def _answers(url: str) -> bool:
    try:
        return bool(http().get(url, timeout=2).ok)
    except OSError:
        return False
