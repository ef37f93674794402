"""Every page of the embedded shop, for programs that look at all of them: pictures and the accessibility test.

The shop runs on free ports. The real pages and the sandbox provider bring orders into each of their states. A `Visitor`
is led to every page, and does there what its program wants.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import requests
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browsing import follow, new_visitor
from tests.demo.pages import Page as Form
from tests.embedded import Embedded
from tests.stack.ports import HANG_S, wait_until

FOUND = {"en": "mug", "ru": "кружка"}
"""Finds a product."""

LANGUAGES = {"en": "en-GB", "ru": "ru-RU"}
BUTTONS = {"pay": "", "checking": "authorize", "try_again": "decline", "paid": "pay", "canceled": "cancel"}
"""The button on the provider's page that brings an order into each state; "expired" only needs time."""

CUSTOMERS = {
    "en": {"email": "ann@example.com", "name": "Ann O'Nym", "address": "1 Main Street\nSpringfield"},
    "ru": {"email": "anna@example.com", "name": "Анна Петрова", "address": "ул. Садовая, 12, кв. 7\nСанкт-Петербург"},
}

REVIEWS = (
    (5, "Ann", "Keeps the coffee warm while I answer mails.\n\nSurvived the dishwasher, and me."),
    (4, "مريم", "كوب جميل، لكن اليد تصبح ساخنة قليلاً."),
    (5, "Анна ☕", "Подарила маме, теперь нужна вторая."),
    (3, "Pneumonoultramicroscopicsilicovolcanoconiosis", "Blau" + "grau" * 30),
)
"""Reviews of the mug, one for each order that is delivered."""

CONSOLE = ("", "work", "payments", "jobs", "queues", "workers", "schedule", "providers", "mail")


@dataclass(frozen=True)
class Order:
    """One order, its payment page, and the cookies of the browser that placed it."""

    public_id: str
    pay_url: str
    cookies: Mapping[str, str]


@dataclass(frozen=True)
class Window:
    """The size of a browser window, and its colour scheme."""

    name: str
    width: int
    height: int
    dark: bool = False

    def open(self, browser: Browser, language: str, scale: float = 1) -> BrowserContext:
        """A new visitor with this window."""
        return new_visitor(
            browser,
            locale=LANGUAGES[language],
            viewport={"width": self.width, "height": self.height},
            color_scheme="dark" if self.dark else "light",
            device_scale_factor=scale,
            reduced_motion="reduce",
        )


PHONE, PHONE_DARK = Window("phone", 390, 844), Window("phone-dark", 390, 844, dark=True)
DESKTOP, DESKTOP_DARK = Window("desktop", 1280, 900), Window("desktop-dark", 1280, 900, dark=True)


class Visitor(Protocol):
    """A browser's page, and what a program does with each page it is led to."""

    page: Page

    def see(self, what: str, address: str | None = None) -> None:
        """Open the URL; without one, the page is open already. `what` names the page."""


@dataclass(frozen=True)
class Tour:
    """The shop's pages, by reader. Orders and links to review pages are by language, then by state."""

    shop: Embedded
    orders: dict[str, dict[str, Order]]
    links: dict[str, dict[str, str]]

    def customers_pages(self, visitor: Visitor, language: str) -> None:
        """Shelf, purchase, provider, an order in each state, account and reviews."""
        orders = self.orders[language]
        _see_shelf(visitor, self.shop, language)
        _see_purchase(visitor, self.shop, language)
        visitor.see("provider", orders["pay"].pay_url)
        for page, path in (("order-of-another", ""), ("receipt-of-another", "receipt/")):
            visitor.see(page, f"{self.shop.url}/orders/{orders['paid'].public_id}/{path}")
        for state, order in orders.items():
            take_over(visitor.page.context, self.shop, order)
            visitor.see(f"order-{state}", f"{self.shop.url}/orders/{order.public_id}/")
        take_over(visitor.page.context, self.shop, orders["paid"])
        visitor.see("receipt", f"{self.shop.url}/orders/{orders['paid'].public_id}/receipt/")
        visitor.page.context.clear_cookies()
        _see_account(visitor, self.shop)
        _see_reviews(visitor, self.links[language])

    def staffs_pages(self, visitor: Visitor, language: str) -> None:
        """Reports, an account, mails, every page of the admin, and the console."""
        admin = f"{self.shop.url}/admin/"
        visitor.see("admin-log-in", admin)
        log_in(visitor.page, self.shop)
        visitor.see("reports", f"{self.shop.url}/reports/")
        follow(visitor.page.locator("main tbody a").first)
        visitor.see("report")
        for page in ("account", "account/password", "account/sessions"):
            visitor.see(page.replace("/", "-"), f"{self.shop.url}/{page}/")
        visitor.see("mails", f"{self.shop.url}/mails/")
        follow(visitor.page.locator("main tbody a").first)
        visitor.see("mail")
        _see_admin(visitor, admin, self.orders[language]["paid"])
        self.console_pages(visitor)

    def console_pages(self, visitor: Visitor) -> None:
        """For a visitor who is logged in."""
        _see_console(visitor, f"{self.shop.url}/admin/console/")


@contextmanager
def tour(prepared: Path | None = None) -> Iterator[Tour]:
    """A shop with orders in every state, a refund, reviews and a report; thrown away at the end."""
    with embedded_shop(prepared) as shop:
        orders = _orders(shop)
        delivered = {language: _paid(shop, language, len(REVIEWS)) for language in LANGUAGES}
        for language in LANGUAGES:
            orders[language] |= {"refunded": _paid(shop, language)[0], "delivered": delivered[language][-1]}
        links = _back_office(shop, orders, delivered)
        yield Tour(shop, orders, links)


@contextmanager
def embedded_shop(prepared: Path | None = None) -> Iterator[Embedded]:
    """A shop that has sold nothing yet, and does not run yet; with the data of a prepared one if there is any."""
    with tempfile.TemporaryDirectory(prefix="tillkeeper-") as directory:
        var = Path(directory, "var")
        shop = Embedded(var, FAST_TRACK_INTERVAL_S="1")
        if prepared:
            shutil.copytree(prepared, var)
        else:
            shop.prepare()
        try:
            yield shop
        finally:
            shop.program.kill()


def _orders(shop: Embedded) -> dict[str, dict[str, Order]]:
    """By language, an order in each state. Only the first one has a payment window that is over already."""
    shop.environment["PAYMENT_WINDOW_S"] = "2"
    shop.start()
    orders = {language: {"expired": place(shop, language)} for language in LANGUAGES}
    for placed in orders.values():
        wait_for(shop, placed["expired"], "expired")
    shop.program.kill()
    shop.environment["PAYMENT_WINDOW_S"] = "3600"
    shop.start()
    for language, placed in orders.items():
        for state, button in BUTTONS.items():
            placed[state] = place(shop, language)
            if button:
                press(placed[state], button)
    for placed in orders.values():
        for state in BUTTONS:
            wait_for(shop, placed[state], state)
    return orders


def _paid(shop: Embedded, language: str, count: int = 1) -> list[Order]:
    """Further orders that are paid."""
    paid = [place(shop, language) for _ in range(count)]
    for order in paid:
        press(order, "pay")
    for order in paid:
        wait_for(shop, order, "paid")
    return paid


def _back_office(
    shop: Embedded, orders: dict[str, dict[str, Order]], delivered: dict[str, list[Order]]
) -> dict[str, dict[str, str]]:
    """The states that need staff. Returns the links to review pages."""
    placed = {
        language: {
            "refunded": [orders[language]["refunded"].public_id],
            "delivered": [order.public_id for order in delivered[language]],
        }
        for language in LANGUAGES
    }
    code = f"from tests import back_office\nback_office.work({placed!r}, {REVIEWS!r})"
    with shop.manage("shell", "-v0", "-c", code) as program:
        assert program.wait(HANG_S) == 0, program.output()
        written = program.output()
    found: dict[str, dict[str, str]]
    found, _end = json.JSONDecoder().raw_decode(written, written.index("{"))  # a line of the log may follow at once
    return found


def place(shop: Embedded, language: str) -> Order:
    visitor = _visitor(language)
    _fill_cart(shop, visitor)
    page = Form(visitor.get(f"{shop.url}/checkout/", timeout=HANG_S)).forms_with("email")[0]
    answer = visitor.post(page.action, page.values | CUSTOMERS[language], timeout=HANG_S)
    return Order(Form(answer).facts["Shop reference"], answer.url, visitor.cookies.get_dict())


def take_over(context: BrowserContext, shop: Embedded, order: Order) -> None:
    """The browser becomes the one that placed the order: others see its state only."""
    context.add_cookies([{"name": name, "value": value, "url": shop.url} for name, value in order.cookies.items()])


def _visitor(language: str) -> requests.Session:
    visitor = requests.Session()
    visitor.trust_env = False
    visitor.headers["Accept-Language"] = language
    return visitor


def _fill_cart(shop: Embedded, visitor: requests.Session) -> None:
    for slug, quantity in (("enamel-mug", "2"), ("house-blend", "1"), ("moka-pot", "1")):
        form = Form(visitor.get(f"{shop.url}/products/{slug}/", timeout=HANG_S)).forms_with("quantity")[0]
        # The orders must not sell out a scarce product: it is only looked at.
        if slug != "moka-pot":
            visitor.post(form.action, form.values | {"quantity": quantity}, timeout=HANG_S).raise_for_status()


def press(order: Order, button: str) -> None:
    """The buyer presses it on the provider's page, and closes the tab."""
    requests.post(order.pay_url, {"action": button, "stay": "1"}, timeout=HANG_S).raise_for_status()


def wait_for(shop: Embedded, order: Order, state: str) -> None:
    """Until the order's page says so."""
    address = f"{shop.url}/orders/{order.public_id}/state.json"
    wait_until(lambda: requests.get(address, timeout=HANG_S).json()["state"] == state, f"an order was {state}")


def _see_shelf(visitor: Visitor, shop: Embedded, language: str) -> None:
    visitor.see("catalogue", f"{shop.url}/")
    visitor.see("catalogue-page-2", f"{shop.url}/?page=2")
    visitor.see("search", f"{shop.url}/?q={FOUND[language]}")
    visitor.see("search-nothing", f"{shop.url}/?q=zzz")
    for slug in ("enamel-mug", "moka-pot", "decaf"):
        visitor.see(f"product-{slug}", f"{shop.url}/products/{slug}/")
    visitor.see("not-found", f"{shop.url}/nothing")
    visitor.see("cart-empty", f"{shop.url}/cart/")


def _see_purchase(visitor: Visitor, shop: Embedded, language: str) -> None:
    page = visitor.page
    for slug in ("enamel-mug", "moka-pot"):
        page.goto(f"{shop.url}/products/{slug}/")
        follow(page.locator("form.add button"))
    visitor.see("cart-after-adding")
    visitor.see("cart", f"{shop.url}/cart/")
    visitor.see("checkout", f"{shop.url}/checkout/")
    page.locator("[name=name]").fill(CUSTOMERS[language]["name"])
    page.locator("[name=email]").fill("ann@")
    _send_unfinished(page, "form#checkout")
    visitor.see("checkout-errors")


def _see_account(visitor: Visitor, shop: Embedded) -> None:
    page = visitor.page
    visitor.see("log-in", f"{shop.url}/account/login/")
    _send_unfinished(page, "form.sheet")
    visitor.see("log-in-errors")
    visitor.see("forgot-password", f"{shop.url}/account/password/forgotten/")
    visitor.see("new-password-over", f"{shop.url}/account/password/MQ/none/")
    visitor.see("sign-up", f"{shop.url}/account/new/")
    _send_unfinished(page, "form.sheet")
    visitor.see("sign-up-errors")
    address = f"{uuid4().hex}@example.com"
    for what in ("link-mailed", "", "", "please-wait"):
        page.goto(f"{shop.url}/account/new/")
        page.locator("[name=email]").fill(address)
        follow(page.locator("form.sheet button[type=submit]"))
        if what:
            visitor.see(what)
    visitor.see("link-over", f"{shop.url}/account/new/none/")
    visitor.see("new-account", _mailed_link(shop, address))
    _send_unfinished(page, "form.sheet")
    visitor.see("new-account-errors")


def _mailed_link(shop: Embedded, address: str) -> str:
    """The link of the mail to this address; the shop writes its mails into files."""
    directory = Path(shop.environment["VAR_DIR"], "mail")
    found: list[str] = []

    def is_there() -> bool:
        texts = [file.read_bytes() for file in directory.glob("*.eml")]
        mails = [message_from_bytes(text, policy=default) for text in texts if address.encode() in text]
        bodies = [body.get_content() for mail in mails if (body := mail.get_body(("plain",)))]
        found.extend(word for body in bodies for word in body.split() if "/account/new/" in word)
        return bool(found)

    wait_until(is_there, "the mail was written")
    return found[0]


def _see_reviews(visitor: Visitor, links: dict[str, str]) -> None:
    for state, link in links.items():
        visitor.see(f"review-{state}", link)
    visitor.page.goto(links["form"])
    _send_unfinished(visitor.page, "form#review")
    visitor.see("review-errors")


def _send_unfinished(page: Page, form: str) -> None:
    """Send a form as it is: the browser would stop the customer, and the shop's answer is wanted."""
    page.locator(form).evaluate("form => { form.noValidate = true }")
    follow(page.locator(f"{form} button[type=submit]"))


def _see_admin(visitor: Visitor, admin: str, order: Order) -> None:
    """The first page, and of each model: the list, its first row, its history, and the form for a new one."""
    page = visitor.page
    visitor.see("admin", admin)
    lists = page.locator("#content-main th[scope=row] a").evaluate_all("links => links.map(link => link.href)")
    for address in lists:
        name = "admin-" + address.removeprefix(admin).strip("/").replace("/", "-")
        visitor.see(name, address)
        new = page.locator(".object-tools .addlink")
        addresses = {"new": new.get_attribute("href")} if new.count() else {}
        row = page.locator("#result_list tbody th a").first.get_attribute("href") or ""
        addresses |= {"page": row, "history": row.replace("/change/", "/history/")}
        for what, there in addresses.items():
            visitor.see(f"{name}-{what}", page.evaluate("address => new URL(address, document.baseURI).href", there))
    page.goto(f"{admin}commerce/order/?q={order.public_id}")
    follow(page.locator("#result_list tbody th a").first)
    visitor.see("admin-order-paid")
    page.goto(f"{admin}commerce/order/")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("cancel")
    follow(page.locator(".actions button[name=index]"))
    visitor.see("admin-decision")


def _see_console(visitor: Visitor, console: str) -> None:
    """Every page of the console, and the confirmation of an action."""
    page = visitor.page
    for name in CONSOLE:
        visitor.see(f"console-{name or 'overview'}", f"{console}{name}/" if name else console)
    visitor.see("console-kind", f"{console}work/payment/")
    visitor.see("console-payments-newest", f"{console}payments/?which=newest")
    follow(page.locator(".rows tbody th a").last)
    visitor.see("console-payment")
    page.goto(f"{console}jobs/")
    follow(page.locator(".rows tbody th a").first)
    visitor.see("console-job")
    visitor.see("console-ask", f"{console}act/pause-queue/?key=routine")
    visitor.see("console-runbook", f"{console}runbook")


def log_in(page: Page, shop: Embedded) -> None:
    """As the operator that the embedded shop makes."""
    password = (Path(shop.environment["VAR_DIR"]) / "operator-password").read_text().strip()
    page.goto(f"{shop.url}/admin/")
    page.locator("[name=username]").fill("operator")
    page.locator("[name=password]").fill(password)
    page.locator("[type=submit]").click()
    page.locator(".to-console").first.wait_for()
