"""Customers: they arrive one after the other, buy through the real pages, and follow their plan."""

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import requests

from tests.demo.pages import Form, Page, UnexpectedPage
from tests.demo.verdict import CANCELS, CANCELS_AND_LEAVES, ENDS, PAYS, PAYS_AND_LEAVES, WALKS_AWAY, Plan

MIX = (
    *(PAYS, PAYS_AND_LEAVES, CANCELS, WALKS_AWAY, PAYS, PAYS, PAYS_AND_LEAVES, PAYS, WALKS_AWAY, PAYS),
    *(PAYS, CANCELS_AND_LEAVES, PAYS_AND_LEAVES, PAYS, PAYS, WALKS_AWAY, CANCELS, PAYS, PAYS_AND_LEAVES, PAYS),
)
"""Of twenty: ten pay, four pay and close the tab, two cancel, one cancels and closes the tab, three never pay."""

MAY_PAY = ("pay", "away", "try_again", "our_fault")
"""The order page's states with a button to pay."""

AT_ONCE = 12
ARRIVALS_PER_S = 6.0
THINKS_S = (0.1, 0.8)
"""How long a customer reads a page."""

PATIENCE_S = 8.0
"""How long a customer waits for a page to change."""

POLL_S = 1.0
ANSWER_WITHIN_S = 60.0
"""Longer than on any machine that is only busy."""


class Customer:
    """One person, with a browser that keeps cookies."""

    def __init__(self, number: int, plan: Plan, shop_url: str, seed: int, leaving: threading.Event) -> None:
        """The seed decides everything this customer does; when `leaving` is set, all customers stop."""
        self.number, self.plan, self.order, self.trouble = number, plan, "", ""
        self.has_left = False
        self._shop_url, self._leaving = shop_url, leaving
        self._chance = random.Random(seed)
        self._browser = requests.Session()
        self._browser.trust_env = False
        self._browser.headers["Accept-Language"] = self._chance.choice(("en", "ru"))

    @property
    def email(self) -> str:
        """Unique for each customer."""
        return f"customer-{self.number}@example.com"

    def visit(self) -> None:
        """Buy, and follow the plan. Errors are stored in `trouble`; raises nothing."""
        try:
            with self._browser:
                self._buy()
        except (requests.RequestException, UnexpectedPage) as problem:
            self.trouble = str(problem)
        finally:
            self.has_left = True

    def _buy(self) -> None:
        self._fill_cart()
        page = self._check_out()
        if self.plan.button is None:
            return
        self._press(self._reach_provider(page), self.plan.button)
        if self.plan.returns:
            self._await_state(ENDS)

    def _fill_cart(self) -> None:
        for _ in range(self._chance.randint(1, 3)):
            for_sale = self._get("/").forms_with("product")
            self._think()
            self._send(self._chance.choice(for_sale))

    def _check_out(self) -> Page:
        """Ends at the provider's page, or at the order's if the provider did not answer in time."""
        form = self._get("/checkout/").forms_with("email")[0]
        self._think()
        page = self._send(form, email=self.email, name=f"Customer {self.number}", address=f"{self.number} Main Street")
        self.order = self._order_on(page)
        return page

    def _order_on(self, page: Page) -> str:
        """The provider's page shows the order's id, the shop's page has it in its URL."""
        words = urlsplit(page.url).path.split("/")
        order = words[2] if self._is_shop(page) and words[1] == "orders" else page.facts.get("Shop reference", "")
        if not order:
            raise UnexpectedPage(f"the checkout ended at {page.url}")
        return order

    def _reach_provider(self, page: Page) -> Page:
        """From the order's page, press its button as soon as there is one."""
        if self._is_shop(page):
            self._await_state(MAY_PAY)
            page = self._send(self._form_to_pay(self._get(f"/orders/{self.order}/")))
        return page

    def _form_to_pay(self, page: Page) -> Form:
        if found := page.forms_to("/pay/"):
            return found[0]
        raise UnexpectedPage(f"{page.url} has no button to pay")

    def _press(self, page: Page, button: str) -> None:
        """Press a button of the provider's page; "stay" stands for closing the tab."""
        form = page.forms_with("action")[0]
        self._think()
        stay = {} if self.plan.returns else {"stay": "1"}
        page = self._send(form, action=button, **stay)
        if self._is_shop(page) != self.plan.returns:
            raise UnexpectedPage(f"after {button!r} the provider led to {page.url}")

    def _await_state(self, wanted: Sequence[str]) -> None:
        """Poll as the open order page does, for up to PATIENCE_S."""
        give_up_at = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up_at and self._state() not in wanted:
            self._pause(POLL_S)

    def _state(self) -> str:
        answer = self._browser.get(f"{self._shop_url}/orders/{self.order}/state.json", timeout=ANSWER_WITHIN_S)
        answer.raise_for_status()
        return str(answer.json()["state"])

    def _is_shop(self, page: Page) -> bool:
        return page.url.startswith(self._shop_url)

    def _get(self, path: str) -> Page:
        return Page(self._browser.get(self._shop_url + path, timeout=ANSWER_WITHIN_S))

    def _send(self, form: Form, **filled: str) -> Page:
        return Page(self._browser.post(form.action, form.values | filled, timeout=ANSWER_WITHIN_S))

    def _think(self) -> None:
        self._pause(self._chance.uniform(*THINKS_S))

    def _pause(self, seconds: float) -> None:
        if self._leaving.wait(seconds):
            raise UnexpectedPage("the demo ended before this customer was ready")


class Crowd:
    """All customers, on a few threads; a context manager that stops the remaining customers at the end.

    It does not wait for them: a customer whose request hangs notices when the shop has closed.
    """

    def __init__(self, count: int, shop_url: str, seed: int) -> None:
        chance = random.Random(seed)
        plans = list(islice(cycle(MIX), count))
        chance.shuffle(plans)
        self._leaving = threading.Event()
        self._arrivals = sorted(chance.uniform(0, count / ARRIVALS_PER_S) for _ in plans)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="customer")
        self.customers: Sequence[Customer] = [
            Customer(number, plan, shop_url, chance.randrange(2**32), self._leaving)
            for number, plan in enumerate(plans, 1)
        ]

    def __enter__(self) -> Self:
        opened_at = time.monotonic()
        for customer, arrival in zip(self.customers, self._arrivals, strict=True):
            self._threads.submit(self._arrive, customer, opened_at + arrival)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._leaving.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _arrive(self, customer: Customer, at: float) -> None:
        if not self._leaving.wait(max(0.0, at - time.monotonic())):
            customer.visit()
