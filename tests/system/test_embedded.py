"""The embedded mode: one process, and nothing is lost when it ends."""

import os
import re
import shutil
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.embedded import Embedded
from tests.metrics import Page
from tests.stack.mail import MailServer
from tests.stack.ports import HANG_S, LOOPBACK_IPV6, wait_until
from tests.stopwatch import assert_quick, seconds_until
from tests.system.test_log_file import FULL_PIPE

pytestmark = pytest.mark.django_db(transaction=False)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """Where the shop's mails arrive."""
    with MailServer() as server:
        yield server


@pytest.fixture
def shop(prepared: Path, mail: MailServer, tmp_path: Path) -> Iterator[Embedded]:
    """The shop, running."""
    var = shutil.copytree(prepared, tmp_path / "var")
    embedded = Embedded(var, mail.port, FAST_TRACK_INTERVAL_S="1")
    embedded.start()
    yield embedded
    embedded.program.kill()


def place_order(shop: Embedded) -> tuple[str, str]:
    """A customer goes as far as the provider's page; returns the order's id and the address of that page."""
    pay_url = shop.check_out()
    payment = requests.get(f"{shop.sandbox_url}/control/payments", timeout=HANG_S).json()["payments"][-1]
    return payment["reference"], pay_url


def is_paid(shop: Embedded, order: str) -> bool:
    """Does the order page say so?"""
    return shop.state(order) == "paid"


def is_hanging(shop: Embedded) -> bool:
    """Does the provider keep somebody waiting who asked about a payment?"""
    asked = requests.get(f"{shop.sandbox_url}/control/requests", timeout=HANG_S).json()["requests"]
    return any(each["fault"] == "hang" and each["status"] is None for each in asked)


def jobs_done(shop: Embedded) -> float:
    """Since its start, by its metrics."""
    return Page(requests.get(f"{shop.url}/metrics", timeout=HANG_S).text).sum(
        "tillkeeper_messages_total", outcome="done"
    )


def confirmations(mail: MailServer) -> int:
    """How many mails came to the customer."""
    return sum("ann@example.com" in each.recipients for each in mail.messages)


def pay(pay_url: str) -> None:
    """The buyer pays and closes the tab."""
    requests.post(pay_url, {"action": "pay", "stay": "1"}, timeout=HANG_S).raise_for_status()


@pytest.mark.alone
def test_ctrl_c_ends_it_within_five_seconds_and_the_next_start_goes_on(shop: Embedded, mail: MailServer) -> None:
    """An order left pending is settled after the restart."""
    order, pay_url = place_order(shop)
    started = time.monotonic()
    shop.program.send(signal.SIGINT)
    assert shop.program.wait(HANG_S) == 0
    ended_s = time.monotonic() - started

    shop.start()
    pay(pay_url)

    wait_until(lambda: shop.state(order) == "paid", "the order was paid")
    wait_until(lambda: confirmations(mail) == 1, "the confirmation came")
    assert_quick(ended_s, 5, "the end")


def test_it_runs_on_ipv6(prepared: Path, mail: MailServer, tmp_path: Path) -> None:
    """The shop, the provider, and what they tell each other: without callbacks the order would wait for ten minutes."""
    var = shutil.copytree(prepared, tmp_path / "var")
    shop = Embedded(var, mail.port, LOOPBACK_IPV6, FAST_TRACK_INTERVAL_S="600")
    shop.start()
    try:
        order, pay_url = place_order(shop)
        assert pay_url.startswith(shop.sandbox_url)
        pay(pay_url)
        wait_until(lambda: is_paid(shop, order), "the order was paid")
    finally:
        shop.program.kill()


@pytest.mark.alone
def test_ctrl_c_ends_it_within_five_seconds_while_the_provider_hangs(shop: Embedded) -> None:
    """Calls under way are not waited for longer than that; their payments come due again."""
    place_order(shop)
    fault = {"where": "status", "kind": "hang", "hang_s": 30}
    requests.post(f"{shop.sandbox_url}/control/faults", json=fault, timeout=HANG_S).raise_for_status()
    wait_until(lambda: is_hanging(shop), "a look at the payment had begun")
    started = time.monotonic()

    shop.program.send(signal.SIGINT)

    assert shop.program.wait(HANG_S) == 0
    assert_quick(time.monotonic() - started, 5, "the end")


def test_a_crash_is_followed_by_business_as_usual(shop: Embedded, mail: MailServer) -> None:
    """Killed in the moment in which the buyer pays: the next start finds out, and mails once."""
    order, pay_url = place_order(shop)
    mail.stop()  # or the mail might be on its way when the shop is killed, and come twice for good reason
    pay(pay_url)
    shop.program.kill()
    mail.start()

    shop.start()

    wait_until(lambda: shop.state(order) == "paid", "the order was paid")
    wait_until(lambda: confirmations(mail) >= 1, "the confirmation came")
    time.sleep(1)
    assert confirmations(mail) == 1


@pytest.mark.alone
def test_the_page_knows_within_a_second_and_without_callbacks_within_the_interval_and_two(shop: Embedded) -> None:
    """The nudge makes it quick; the sweep is the promise."""
    for lose_all, limit_s in ((False, 1), (True, 1 + 2)):
        rule = {"lose_all": lose_all}
        requests.post(f"{shop.sandbox_url}/control/callbacks", json=rule, timeout=HANG_S).raise_for_status()
        for _ in range(3):
            order, pay_url = place_order(shop)
            pay(pay_url)
            seconds = seconds_until(partial(is_paid, shop, order), "the order was paid")
            assert_quick(seconds, limit_s, f"finding it out ({lose_all=})")


def test_a_shop_at_rest_logs_nothing_at_each_sweep(shop: Embedded) -> None:
    """Nor at each beat: a line that comes every second hides all the others."""
    shop.program.wait_for_output("Ctrl-C ends it", HANG_S)
    before = len(shop.program.output().splitlines())
    begun = jobs_done(shop)
    wait_until(lambda: jobs_done(shop) >= begun + 40, "the sweeps had looked at everything several times")

    said = Counter(re.sub(r"\d+", "", line) for line in shop.program.output().splitlines()[before:])
    assert [line for line, times in said.items() if times > 1] == []
    assert len(said) < 5, said


def test_only_one_runs_over_the_same_data(shop: Embedded, tmp_path: Path) -> None:
    """Other ports are not enough, and the lock ends with its process, also when that is killed."""
    second = Embedded(tmp_path / "var", mail_port=9)
    with second.program as refused:
        assert refused.wait(HANG_S) == 2
        assert f"Process {shop.program.pid} already runs a shop in {tmp_path / 'var'}." in refused.output()
        assert "set another VAR_DIR" in refused.output()
    with shop.manage("payments", "list") as another_command:
        assert another_command.wait(HANG_S) == 0
    assert requests.get(f"{shop.url}/readyz", timeout=HANG_S).status_code == 200

    shop.program.kill()
    second.start()

    second.program.kill()


def test_an_empty_directory_becomes_a_shop(tmp_path: Path) -> None:
    """As with `make run`."""
    new = Embedded(tmp_path / "var", mail_port=9)
    new.program = new.manage("runlocal", "--prepare")
    new.start()
    assert "Add to cart" in requests.get(new.url, timeout=HANG_S).text
    new.program.wait_for_output("Ctrl-C ends it", HANG_S)
    told = new.program.output()
    new.program.kill()
    assert "security." not in told  # the operator's first password is no change
    steps = [
        (int(number), int(total)) for number, total in re.findall(r"^  (\d+) of (\d+)  \w+\.\d{4}_", told, re.MULTILINE)
    ]
    assert steps == [(number, len(steps)) for number in range(1, len(steps) + 1)]
    assert len(steps) > 20
    said = ["Preparing the database in", "  1 of ", "Refreshing the demo products", "Starting the shop", "  Shop      "]
    assert sorted(said, key=told.index) == said


@pytest.mark.parametrize("taken", ["url", "sandbox_url"])
def test_a_taken_address_is_said_before_anything_is_prepared(tmp_path: Path, taken: str) -> None:
    """With the program that has it, and how to choose another, which is free."""
    new = Embedded(tmp_path / "var", mail_port=9)
    host, _, port = getattr(new, taken).removeprefix("http://").partition(":")
    with socket.create_server((host, int(port))), new.manage("runlocal", "--prepare") as refused:
        assert refused.wait(HANG_S) == 2
    told = refused.output()
    assert f"{host}:{port} cannot be used: process {os.getpid()} (" in told
    setting = {"url": "SHOP_URL", "sandbox_url": "SANDBOX_URL"}[taken]
    assert re.search(rf"For example: {setting}=http://{host}:\d+\n$", told)
    assert "Preparing" not in told
    assert (tmp_path / "var/shop.sqlite3").stat().st_size == 0


def test_a_terminal_that_hangs_stops_neither_the_shop_nor_its_end(shop: Embedded) -> None:
    """Its standard error is full and not read."""
    shop.program.stop()
    shop.program.command = [*FULL_PIPE, *shop.program.command]
    shop.start()
    order, pay_url = place_order(shop)
    pay(pay_url)
    wait_until(lambda: shop.state(order) == "paid", "the order was paid")

    shop.program.send(signal.SIGINT)
    assert shop.program.wait(HANG_S) == 0


# --- its files -------------------------------------------------------------------------------------------------------


def open_to_others(var: Path) -> list[str]:
    """What other users of the machine could read or write, but for the static files, which are for the proxy."""
    found = []
    for directory, directories, files in os.walk(var):
        here = Path(directory)
        closed = [here / name for name in (*directories, *files) if not (here / name).stat().st_mode & 0o077]
        found += [str(here / name) for name in (*directories, *files) if here / name not in closed]
        directories[:] = [name for name in directories if here / name not in closed]
    public = str(var / "static")
    return [each for each in found if not each.startswith(public)]


@pytest.fixture
def open_umask() -> Iterator[None]:
    """As most machines have it: files are readable for everyone unless a program says otherwise."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_no_other_user_can_read_its_files(tmp_path: Path) -> None:
    """Database, mails, log, metrics, secrets: while it runs and afterwards, and those of an earlier release too."""
    var = tmp_path / "var"
    Embedded(var).prepare()
    assert not var.stat().st_mode & 0o077
    assert open_to_others(var) == []
    for path in var.glob("*.sqlite3*"):
        path.chmod(0o644)
    shop = Embedded(var, LOG_FILE=str(var / "shop.log"))
    shop.start()
    try:
        pay(shop.check_out())
        wait_until(lambda: list((var / "mail").glob("*.eml")), "a mail was written")
        assert {"shop.sqlite3", "sandbox.sqlite3", "shop.log"} <= {path.name for path in var.iterdir()}
        assert open_to_others(var) == []
    finally:
        shop.program.stop()
    assert open_to_others(var) == []
