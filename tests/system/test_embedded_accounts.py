"""`make run` with every kind of account: it starts, says where the money goes, and an order is paid or refused."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import requests

from billing.providers.options import prefix_of
from tests.conformance.cases import CASES
from tests.conformance.cases.case import Case
from tests.embedded import Embedded
from tests.stack.mail import MailServer
from tests.stack.ports import HANG_S, LOOPBACK, free_port, wait_until

pytestmark = pytest.mark.django_db(transaction=False)

FIRST_IS_PAID = ["till-eu:sandbox", "sandbox,second:sandbox", "yookassa", "stripe,sandbox,paypal"]
OTHERS = [pytest.param(each, marks=pytest.mark.campaign) for each in ("stripe", "eu:paypal", "paypal,yookassa,stripe")]


@pytest.fixture
def start(prepared: Path, tmp_path: Path) -> Iterator[Callable[..., Embedded]]:
    """Starts a shop with these settings, and stops it after the test."""
    with MailServer() as mail, ExitStack() as stack:

        def start(**settings: str) -> Embedded:
            shop = Embedded(
                shutil.copytree(prepared, tmp_path / "var"), mail.port, FAST_TRACK_INTERVAL_S="1", **settings
            )
            stack.callback(shop.program.kill)
            shop.start()
            shop.program.wait_for_output("Ctrl-C ends it", HANG_S)
            return shop

        yield start


def settings_of(account: str, case: Case) -> dict[str, str]:
    """The environment of an account at this stand-in."""
    options = {name: value for name, value in case.options().items() if name != "provider" and value}
    return {f"{prefix_of(account)}_{name.upper()}": value for name, value in options.items()}


def payment(shop: Embedded) -> tuple[str, str, str]:
    """The only one: its account, the order's id, and the provider's id."""
    with closing(sqlite3.connect(Path(shop.environment["VAR_DIR"], "shop.sqlite3"))) as database:
        (found,) = database.execute("SELECT account, reference, provider_ref FROM billing_payment").fetchall()
    account, reference, provider_ref = found
    return account, reference, provider_ref


@pytest.mark.parametrize("accounts", [*FIRST_IS_PAID, *OTHERS])
def test_an_order_is_paid_at_the_first_account(start: Callable[..., Embedded], accounts: str) -> None:
    """The banner names each account. A sandbox starts at each address, a real provider is only asked."""
    settings, sandboxes, cases = {"PAYMENT_ACCOUNTS": accounts}, [], {}
    with ExitStack() as standins:
        for word in accounts.split(","):
            account, _, provider = word.partition(":")
            if (provider or account) != "sandbox":
                cases[account] = standins.enter_context(CASES[provider or account]())
                settings |= settings_of(account, cases[account])
            else:
                sandboxes.append(f"http://{LOOPBACK}:{free_port()}")
                settings[f"{prefix_of(account)}_URL"] = sandboxes[-1]
        shop = start(**settings)
        pay_url = shop.check_out()
        account, order, provider_ref = payment(shop)
        if case := cases.get(account):
            case.say(provider_ref, case.paid)
        else:
            requests.post(pay_url, {"action": "pay", "stay": "1"}, timeout=HANG_S).raise_for_status()
        wait_until(lambda: shop.state(order) == "paid", "the order was paid")

    assert account == accounts.partition(",")[0].partition(":")[0]
    told = shop.program.output()
    assert told.count("  Payments  ") == accounts.count(",") + 1
    assert ("new payments go there" in told) is ("," in accounts)
    assert ("Callbacks of a real provider cannot reach" in told) is bool(cases)
    assert all(requests.get(f"{url}/control/payments", timeout=HANG_S).ok for url in sandboxes)
    assert "Traceback" not in told


def test_a_provider_that_is_away_costs_the_customer_no_page(start: Callable[..., Embedded]) -> None:
    """As with keys and no network: the shop starts, and the order waits for its payment page."""
    away = f"http://{LOOPBACK}:{free_port()}"
    shop = start(PAYMENT_ACCOUNTS="yookassa", YOOKASSA_SHOP_ID="1", YOOKASSA_SECRET_KEY="test_key", YOOKASSA_URL=away)
    page = requests.get(f"{shop.url}{shop.check_out()}", timeout=HANG_S)

    assert page.status_code == 200
    assert payment(shop)[2] == ""
    assert "Traceback" not in shop.program.output()
