"""An operator with a browser, who refunds, cancels, delivers, accepts and closes at random what the admin offers."""

import random
import re
import threading
from types import TracebackType
from typing import Self

import requests

from tests.chaos.browser import Browser, GaveUp, Unknown
from tests.chaos.notes import Notes
from tests.demo.pages import Form, Page, UnexpectedPage

PAUSES_S = (0.2, 1.5)

LISTS = (
    *[("/admin/commerce/order/?status__exact=paid", "commerce/order")] * 3,
    ("/admin/commerce/order/?status__exact=awaiting_payment", "commerce/order"),
    ("/admin/billing/payment/?attention__exact=window_over", "billing/payment"),
    ("/admin/billing/payment/", "billing/payment"),
    ("/admin/billing/dispute/", "billing/dispute"),
)
"""Where an operator looks for something to do."""

DEEDS = {
    "commerce/order": (
        "refund",
        "refund",
        "cancel-paid",
        "cancel",
        "mark-sent",
        "mark-delivered",
        "accept",
        "give-back",
    ),
    "billing/payment": ("accept", "close", "refund", "check"),
    "billing/dispute": ("answered",),
}
"""What an operator wants, if the page offers it."""

PARTS = ("1.00", "0.50", "2.20", "")
"""Amounts of refunds; empty: what the form proposes, everything."""


class Operators:
    """One operator in a thread; a context manager."""

    def __init__(self, shop_url: str, seed: int, notes: Notes, account: tuple[str, str]) -> None:
        self._chance = random.Random(f"operator {seed}")
        self._over = threading.Event()
        self._notes, self._account, self._shop_url = notes, account, shop_url
        self._browser = Browser("operator", shop_url, notes, self._over, self._chance)
        self._thread = threading.Thread(target=self._work, name="operator")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.is_set():
            try:
                self._act()
                self._browser.pause(self._chance.uniform(*PAUSES_S))
            except GaveUp:
                continue
            except (Unknown, UnexpectedPage, requests.RequestException, IndexError):
                self._over.wait(1)

    def _act(self) -> None:
        """One deed on one row that the list shows."""
        address, model = self._chance.choice(LISTS)
        listed = self._open(address)
        rows = sorted(set(re.findall(rf"/admin/{model}/(\d+)/change/", listed.text)))
        if not rows:
            return
        row = self._chance.choice(rows)
        page = self._open(f"/admin/{model}/{row}/change/")
        offered = {name: f"/admin/{model}/{row}/way-out/{name}/" for name in DEEDS[model]}
        names = [name for name in DEEDS[model] if offered[name] in page.text]
        if names:
            name = self._chance.choice(names)
            self._do(name, offered[name], page.text)

    def _do(self, name: str, address: str, text: str) -> None:
        order = re.search(r"/orders/([\w-]{22})/", text)
        page = Page(self._open(address))
        form = next(form for form in page.forms if "csrfmiddlewaretoken" in form.names and "logout" not in form.action)
        form.action = page.url
        filled = {"why": "a drill"} if "why" in form.names else {}
        if name == "refund" and (amount := self._chance.choice(PARTS)):
            filled["amount"] = amount
        facts = {"did": name, "order": order[1] if order else "", "row": address, "amount": filled.get("amount", "")}
        try:
            answer = self._send(form, filled)
        except Unknown:
            self._notes.note("operators", **facts, status=0, accepted=None)
            return
        accepted = answer.ok and 'class="success"' in answer.text
        self._notes.note("operators", **facts, status=answer.status_code, accepted=accepted)

    def _send(self, form: Form, filled: dict[str, str]) -> requests.Response:
        return self._browser.send(form, **filled)

    def _open(self, address: str) -> requests.Response:
        """A page of the admin; the operator logs in where it asks for that."""
        answer = self._browser.get(address)
        if "/admin/login/" in answer.url:
            form = Page(answer).forms_with("username")[0]
            name, password = self._account
            answer = self._browser.send(form, username=name, password=password)
        return answer
