"""Customers: from the catalogue to the order, to the provider and back. They note what they did and saw."""

import random
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import requests

from tests.chaos.browser import Browser, GaveUp, Unknown
from tests.demo.pages import Form, Page, UnexpectedPage

if TYPE_CHECKING:
    from tests.chaos.crowd import Crowd

WATCHES_S = 8.0
"""How long a customer watches the order's page."""

PROVIDERS_AMOUNT = re.compile(r'class="amount">([\d.]+) EUR<')

ORDER = re.compile(r"/orders/([\w-]{22})/")

ENDS = ("paid", "sent", "delivered", "refunded", "sent_back", "canceled", "expired")
"""States of the page after which a customer no longer waits."""


class Customer:
    """One person with a browser; the seed and the number decide everything that the person wants to do."""

    def __init__(self, number: int, crowd: "Crowd") -> None:
        self.number, self.crowd = number, crowd
        self.chance = random.Random(f"customer {crowd.seed} {number}")
        self.intent = self.chance.choices([*crowd.intents], [weight for _, weight in crowd.intents.values()])[0]
        self.order, self.payment = "", ""
        self._at_provider: Page | None = None
        self._seen = ""
        http, shop_url, who = crowd.stack.browser_of(number), crowd.stack.shop_url, f"customer {number}"
        self.browser = Browser(who, shop_url, crowd.notes, crowd.leaving, self.chance, http, crowd.patience_s)

    @property
    def email(self) -> str:
        """Unique for each customer."""
        return f"customer-{self.number}@example.com"

    def visit(self) -> None:
        """Buy, and do what the person wants. Raises nothing; the notes say why a person gave up."""
        try:
            self.crowd.intents[self.intent][0](self)
        except (GaveUp, Unknown, UnexpectedPage, requests.RequestException) as problem:
            self.note("gave_up", why=str(problem)[:300], intent=self.intent)

    def note(self, did: str, **facts: Any) -> None:
        """Something that the person did or saw."""
        self.crowd.notes.note("customers", customer=self.number, did=did, **facts)

    # --- up to the order ---------------------------------------------------------------------------------------------

    def order_goods(self, times: int = 1) -> bool:
        """From the catalogue to the order; False if the shop refused it."""
        products = self.page("/").forms_with("product")
        for form in self.chance.sample(products, self.chance.choice((1, 1, 2, 3))):
            self._add_to_cart(form)
        while not self._check_out(times):
            self.browser.think()
            if not self._learn_of_order() and not self._cart_is_full():
                self.note("refused", status=200, words="the cart is empty, and there is no order")
                return False
            if self.order:
                break
        return bool(self.order)

    def _add_to_cart(self, form: Form) -> None:
        quantity, is_added = self.chance.choice((1, 1, 1, 2, 3)), False
        give_up_at = time.monotonic() + self.browser.patience_s
        while not is_added:
            if time.monotonic() > give_up_at:
                raise GaveUp("nothing could be put into the cart")
            self.browser.think()
            with suppress(Unknown):
                is_added = self.browser.send(form, quantity=str(quantity)).ok
        self.note("carted", product=int(form.values["product"]), quantity=quantity)

    def _check_out(self, times: int) -> bool:
        """Press "order"; True if the outcome is known: an order, or a refusal (then `order` stays empty)."""
        self.browser.think()
        answer = self.browser.get("/checkout/")
        page = Page(answer)
        if "/checkout/" not in page.url:
            return self._learn_of_order()
        form = page.forms_with("email")[0]
        filled = {"email": self.email, "name": f"Customer {self.number}", "address": f"{self.number} Main Street"}
        self.browser.think()
        self.note("checked_out", email=self.email, times=times)
        try:
            answers = self.browser.twice(form, **filled) if times == 2 else [self.browser.send(form, **filled)]
        except Unknown:
            return False
        known = [answer for answer in answers if answer is not None and answer.ok]
        for answer in known:
            self._learn_from(answer)
        refused = [answer for answer in answers if answer is not None and answer.status_code == 409]
        if refused and not self.order:
            self.note("refused", status=409, words=" ".join(re.findall(r'class="error[^>]*>([^<]+)', refused[0].text)))
            return True
        return bool(self.order)

    def _learn_of_order(self) -> bool:
        """The shop names the orders of this browser that wait for their payment on every page."""
        found = ORDER.search(self.browser.get("/cart/").text)
        return self._noted(found[1] if found else "")

    def _cart_is_full(self) -> bool:
        return "/checkout/" in self.browser.get("/cart/").text

    def _learn_from(self, answer: requests.Response) -> None:
        """The provider's page shows the order's id and its total, the shop's page has the id in its address."""
        page, found = Page(answer), ORDER.search(answer.url)
        amount = PROVIDERS_AMOUNT.search(answer.text)
        self._at_provider = page if not found and page.forms else self._at_provider
        self._noted(found[1] if found else page.facts.get("Shop reference", ""), amount[1] if amount else "")

    def _noted(self, order: str, total: str = "") -> bool:
        if order and order != self.order:
            self.order = order
            self.note("order", order=order, total=total, currency="EUR")
            self.crowd.placed += 1
        return bool(order)

    # --- at the provider ---------------------------------------------------------------------------------------------

    def reach_provider(self) -> Page | None:
        """The provider's page of the open payment; None if the order can no longer be paid."""
        if self._at_provider:
            page, self._at_provider = self._at_provider, None
            return page
        give_up_at = time.monotonic() + self.browser.patience_s
        while time.monotonic() < give_up_at:
            page = self.page(f"/orders/{self.order}/")
            forms = [form for form in page.forms_to("/pay/") if form.can_be_sent]
            if self.state() in ENDS:
                return None
            if forms and (found := self._pay_page(forms[0])):
                return found
            self.browser.pause(1)
        raise GaveUp("the order's page had no button to pay")

    def _pay_page(self, form: Form) -> Page | None:
        try:
            page = Page(self.browser.send(form))
        except Unknown:
            return None
        return None if page.url.startswith(self.crowd.stack.shop_url) or not page.forms else page

    def press(self, button: str, *, returns: bool) -> bool:
        """Press a button on the provider's page; False if the payment is not open any more."""
        page = self.reach_provider()
        if page is None:
            return False
        self.payment = page.url.rpartition("/")[2]
        self.browser.think()
        stay = {} if returns else {"stay": "1"}
        form = page.forms_with("action")[0]
        try:
            self.browser.send(form, action=button, **stay)
        except Unknown:
            self.browser.get(page.url)  # the provider's own books say what came of it
        except GaveUp:
            pass  # the provider has taken it; what did not come is the shop's page, to which it leads
        self.note("pressed", order=self.order, payment=self.payment, button=button)
        return True

    # --- the order's page --------------------------------------------------------------------------------------------

    def page(self, path: str) -> Page:
        """A page of the shop."""
        return Page(self.browser.get(path))

    def state(self) -> str:
        """What the order's page says; noted when it has changed."""
        state = str(self.browser.get(f"/orders/{self.order}/state.json").json()["state"])
        if state != self._seen:
            self._seen = state
            self.note("saw", order=self.order, state=state)
        return state

    def watch(self, *wanted: str) -> None:
        """Look at the page until it shows one of these states, or for WATCHES_S."""
        give_up_at = time.monotonic() + WATCHES_S
        while self.state() not in (wanted or ENDS) and time.monotonic() < give_up_at:
            self.browser.pause(1)
