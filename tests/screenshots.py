"""A picture of every page, in both languages, on phone and desktop: `make screenshots`, or python -m tests.screenshots.

The embedded shop runs on free ports. The real pages and the sandbox provider bring orders into each of their states,
and Chromium opens every page. The pictures, and an index.html with all of them, go to var/screenshots/. Two small ones
for the README go to deploy/pictures/, which is in the repository; `--readme` takes only these.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path

import requests
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.demo.pages import Page as Form
from tests.embedded import ROOT, Embedded
from tests.stack.mail import MailServer
from tests.stack.ports import wait_until
from tests.stack.programs import find_chromium

TARGET = ROOT / "var" / "screenshots"
PICTURES = ROOT / "deploy" / "pictures"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
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
"""Reviews of the mug."""

DELIVER_AND_REVIEW = """
import json
from commerce import orders
from commerce.models import Order, Product, Review
from commerce.reviews import links
from commerce.reviews import service as reviews
mug, blend = (Product.objects.get(slug=slug).pk for slug in ("enamel-mug", "house-blend"))
for public_id, (rating, name, text) in json.loads({said!r}):
    key = Order.objects.get(public_id=public_id).pk
    orders.mark_delivered(key, "sam")
    review = reviews.write(links.Subject(key, mug), rating, text, name)
    reviews.moderate(review.pk, review.changed_at, Review.Status.PUBLISHED, "sam")
first = Order.objects.get(public_id=json.loads({said!r})[0][0]).pk
reviews.write(links.Subject(first, blend), 2, "Too dark for me.", "Ann")
subjects = {{"form": (key, blend), "published": (key, mug), "waiting": (first, blend), "over": (key, 0)}}
print(json.dumps({{name: links.address(links.Subject(*pair)) for name, pair in subjects.items()}}))
"""
"""Staff's part in the shop's shell; prints a link for each state of the review page."""

GIVE_BACK = """
from uuid import uuid4
from billing.models import Payment
from billing.refunds import service as refunds
payment = Payment.objects.get(reference={public_id!r})
refunds.start(payment.pk, None, wanted_by="sam", why="broken on arrival", key=uuid4().hex)
"""


@dataclass(frozen=True)
class Window:
    """The size of a browser window, and its colour scheme."""

    name: str
    width: int
    height: int
    dark: bool = False


SHOP_WINDOWS = (Window("phone", 390, 844), Window("phone-dark", 390, 844, dark=True), Window("desktop", 1280, 900))
CONSOLE = ("", "work", "payments", "jobs", "queues", "workers", "schedule", "providers", "mail")
ADMIN_WINDOWS = (Window("desktop", 1280, 900), Window("desktop-dark", 1280, 900, dark=True))
ON_CALL = Window("phone", 390, 844)
"""An operator on call uses a phone."""

README = Window("readme", 960, 640)


@dataclass(frozen=True)
class Order:
    """One order, and its payment page."""

    public_id: str
    pay_url: str


def main() -> None:
    """Take all pictures, or with `--readme` only the two that are in the repository."""
    if sys.argv[1:] == ["--readme"]:
        take_for_readme()
    else:
        take_all()


def take_all() -> None:
    """Take every page anew, and write an index of the pictures."""
    started = time.monotonic()
    TARGET.mkdir(parents=True, exist_ok=True)
    for old in TARGET.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="tillkeeper-") as var, _shop(Path(var)) as shop:
        orders = {language: _orders(shop, language) for language in LANGUAGES}
        for language in LANGUAGES:
            orders[language]["refunded"] = _refund(shop, language)
        links = {language: _review(shop, orders[language], language) for language in LANGUAGES}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=QUIET)
            for language in LANGUAGES:
                for window in SHOP_WINDOWS:
                    _take(browser, shop, language, window, orders[language], links[language])
            for window in ADMIN_WINDOWS:
                _take_admin(browser, shop, window, orders["en"]["paid"])
            _take_on_call(browser, shop)
            _take_for_readme(browser, shop)
            browser.close()
    taken = _write_index()
    print(f"{taken} pictures in {time.monotonic() - started:.0f} s: {TARGET.relative_to(ROOT)}/index.html")


def take_for_readme() -> None:
    """In a shop of their own."""
    with (
        tempfile.TemporaryDirectory(prefix="tillkeeper-") as var,
        _shop(Path(var)) as shop,
        sync_playwright() as playwright,
    ):
        shop.start()
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=QUIET)
        _take_for_readme(browser, shop)
        browser.close()


@contextmanager
def _shop(var: Path) -> Iterator[Embedded]:
    with MailServer() as mail:
        shop = Embedded(var, mail.port, FAST_TRACK_INTERVAL_S="1")
        shop.prepare()
        try:
            yield shop
        finally:
            shop.program.kill()


def _orders(shop: Embedded, language: str) -> dict[str, Order]:
    """An order in each state. Only the first one has a payment window that is over already."""
    shop.program.kill()
    shop.environment["PAYMENT_WINDOW_S"] = "2"
    shop.start()
    orders = {"expired": _place(shop, language)}
    _wait_for(shop, orders, "expired")
    shop.program.kill()
    shop.environment["PAYMENT_WINDOW_S"] = "3600"
    shop.start()
    for state, button in BUTTONS.items():
        orders[state] = _place(shop, language)
        if button:
            requests.post(orders[state].pay_url, {"action": button, "stay": "1"}, timeout=10).raise_for_status()
    for state in BUTTONS:
        _wait_for(shop, orders, state)
    return orders


def _review(shop: Embedded, orders: dict[str, Order], language: str) -> dict[str, str]:
    """Deliver some orders and write their reviews; one of them is shown as the delivered order."""
    delivered = [_place(shop, language) for _ in REVIEWS]
    for order in delivered:
        requests.post(order.pay_url, {"action": "pay", "stay": "1"}, timeout=10).raise_for_status()
    for order in delivered:
        _wait_for(shop, {"paid": order}, "paid")
    said = json.dumps([(order.public_id, review) for order, review in zip(delivered, REVIEWS, strict=True)])
    with shop.manage("shell", "-v0", "-c", DELIVER_AND_REVIEW.format(said=said)) as program:
        assert program.wait(60) == 0, program.output()
        links: dict[str, str] = json.loads(program.last_lines(1))
    orders["delivered"] = delivered[-1]
    return links


def _refund(shop: Embedded, language: str) -> Order:
    """A refunded order."""
    order = _place(shop, language)
    requests.post(order.pay_url, {"action": "pay", "stay": "1"}, timeout=10).raise_for_status()
    _wait_for(shop, {"paid": order}, "paid")
    with shop.manage("shell", "-v0", "-c", GIVE_BACK.format(public_id=order.public_id)) as program:
        assert program.wait(60) == 0, program.output()
    _wait_for(shop, {"refunded": order}, "refunded")
    return order


def _place(shop: Embedded, language: str) -> Order:
    visitor = _visitor(language)
    _fill_cart(shop, visitor)
    page = Form(visitor.get(f"{shop.url}/checkout/", timeout=10)).forms_with("email")[0]
    answer = visitor.post(page.action, page.values | CUSTOMERS[language], timeout=10)
    return Order(Form(answer).facts["Shop reference"], answer.url)


def _visitor(language: str) -> requests.Session:
    visitor = requests.Session()
    visitor.trust_env = False
    visitor.headers["Accept-Language"] = language
    return visitor


def _fill_cart(shop: Embedded, visitor: requests.Session) -> None:
    for slug, quantity in (("enamel-mug", "2"), ("house-blend", "1"), ("moka-pot", "1")):
        form = Form(visitor.get(f"{shop.url}/products/{slug}/", timeout=10)).forms_with("quantity")[0]
        # The orders must not sell out a scarce product: it is only looked at.
        if slug != "moka-pot":
            visitor.post(form.action, form.values | {"quantity": quantity}, timeout=10).raise_for_status()


def _wait_for(shop: Embedded, orders: dict[str, Order], state: str) -> None:
    address = f"{shop.url}/orders/{orders[state].public_id}/state.json"
    wait_until(lambda: requests.get(address, timeout=10).json()["state"] == state, f"an order was {state}")


def _take(
    browser: Browser, shop: Embedded, language: str, window: Window, orders: dict[str, Order], links: dict[str, str]
) -> None:
    context = browser.new_context(
        locale=LANGUAGES[language],
        viewport={"width": window.width, "height": window.height},
        color_scheme="dark" if window.dark else "light",
        reduced_motion="reduce",
    )
    camera = _Camera(context, f"{language}-{window.name}")
    _take_shelf(camera, shop)
    _take_purchase(camera, shop, language)
    camera.shoot("provider", orders["pay"].pay_url)
    for state, order in orders.items():
        camera.shoot(f"order-{state}", f"{shop.url}/orders/{order.public_id}/")
    camera.shoot("receipt", f"{shop.url}/orders/{orders['paid'].public_id}/receipt/")
    _take_reviews(camera, links)
    context.close()


def _take_shelf(camera: "_Camera", shop: Embedded) -> None:
    found = {"en": "mug", "ru": "кружка"}[camera.name[:2]]
    camera.shoot("catalogue", f"{shop.url}/")
    camera.shoot("catalogue-page-2", f"{shop.url}/?page=2")
    camera.shoot("search", f"{shop.url}/?q={found}")
    camera.shoot("search-nothing", f"{shop.url}/?q=zzz")
    for slug in ("enamel-mug", "moka-pot", "decaf"):
        camera.shoot(f"product-{slug}", f"{shop.url}/products/{slug}/")
    camera.shoot("not-found", f"{shop.url}/nothing")
    camera.shoot("cart-empty", f"{shop.url}/cart/")


def _take_purchase(camera: "_Camera", shop: Embedded, language: str) -> None:
    page = camera.page
    for slug in ("enamel-mug", "moka-pot"):
        page.goto(f"{shop.url}/products/{slug}/")
        page.locator("form.add button").click()
    camera.shoot("cart-after-adding")
    camera.shoot("cart", f"{shop.url}/cart/")
    camera.shoot("checkout", f"{shop.url}/checkout/")
    page.locator("form#checkout").evaluate("form => { form.noValidate = true }")
    page.locator("[name=name]").fill(CUSTOMERS[language]["name"])
    page.locator("[name=email]").fill("ann@")
    page.locator("form#checkout button[type=submit]").click()
    camera.shoot("checkout-errors")


def _take_reviews(camera: "_Camera", links: dict[str, str]) -> None:
    for state, link in links.items():
        camera.shoot(f"review-{state}", link)
    page = camera.page
    page.goto(links["form"])
    page.locator("form#review").evaluate("form => { form.noValidate = true }")
    page.locator("form#review button[type=submit]").click()
    camera.shoot("review-errors")


def _take_admin(browser: Browser, shop: Embedded, window: Window, order: Order) -> None:
    """The admin: the lists, an order with its history, and the confirmation of an action."""
    context = browser.new_context(
        viewport={"width": window.width, "height": window.height}, color_scheme="dark" if window.dark else "light"
    )
    camera, admin = _Camera(context, window.name), f"{shop.url}/admin/"
    _log_in(camera.page, admin, _password(shop))
    for model in ("billing/payment", "billing/paymentevent", "commerce/order", "commerce/notification"):
        camera.shoot(f"admin-{model.replace('/', '-')}", f"{admin}{model}/")
    camera.shoot("admin", admin)
    for model in ("billing/payment", "commerce/order"):
        camera.page.goto(f"{admin}{model}/?q={order.public_id}")
        camera.page.locator("#result_list th a").first.click()
        camera.shoot(f"admin-{model.replace('/', '-')}-page")
    camera.page.goto(f"{admin}commerce/order/")
    camera.page.locator("#action-toggle").check()
    camera.page.locator("select[name=action]").select_option("cancel")
    camera.page.locator(".actions button[name=index]").click()
    camera.shoot("admin-decision")
    _take_console(camera, f"{admin}console/")
    context.close()


def _take_console(camera: "_Camera", console: str) -> None:
    """Every page of the console, and the confirmation of an action."""
    for page in CONSOLE:
        camera.shoot(f"console-{page or 'overview'}", f"{console}{page}/" if page else console)
    camera.shoot("console-kind", f"{console}work/payment/")
    camera.shoot("console-payments-newest", f"{console}payments/?which=newest")
    camera.page.locator(".rows th a").last.click()
    camera.shoot("console-payment")
    camera.page.goto(f"{console}jobs/")
    camera.page.locator(".rows th a").first.click()
    camera.shoot("console-job")
    camera.shoot("console-ask", f"{console}act/pause-queue/?key=routine")


def _take_on_call(browser: Browser, shop: Embedded) -> None:
    context = browser.new_context(viewport={"width": ON_CALL.width, "height": ON_CALL.height}, locale="ru-RU")
    camera, admin = _Camera(context, f"ru-{ON_CALL.name}"), f"{shop.url}/admin/"
    _log_in(camera.page, admin, _password(shop))
    _take_console(camera, f"{admin}console/")
    context.close()


def _take_for_readme(browser: Browser, shop: Embedded) -> None:
    """An order that waits for its payment, and a console with one finding; small enough for the repository."""
    PICTURES.mkdir(exist_ok=True)
    order = _place(shop, "en")
    requests.post(order.pay_url, {"action": "authorize", "stay": "1"}, timeout=10).raise_for_status()
    _wait_for(shop, {"checking": order}, "checking")
    with shop.manage("jobs", "pause", "routine", "--why", "the mail server is moved") as program:
        assert program.wait(60) == 0, program.output()
    context = browser.new_context(
        viewport={"width": README.width, "height": README.height}, device_scale_factor=0.75, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{shop.url}/orders/{order.public_id}/")
    page.screenshot(path=PICTURES / "order.png")
    _log_in(page, f"{shop.url}/admin/", _password(shop))
    page.goto(f"{shop.url}/admin/console/")
    page.screenshot(path=PICTURES / "console.png")
    context.close()


def _password(shop: Embedded) -> str:
    return (Path(shop.environment["VAR_DIR"]) / "operator-password").read_text().strip()


def _log_in(page: Page, admin: str, password: str) -> None:
    page.goto(admin)
    page.locator("[name=username]").fill("operator")
    page.locator("[name=password]").fill(password)
    page.locator("[type=submit]").click()


class _Camera:
    """Takes pictures of whole pages, named by their content."""

    def __init__(self, context: BrowserContext, name: str) -> None:
        self.name, self.page = name, context.new_page()

    def shoot(self, what: str, address: str | None = None) -> None:
        """Take the page at the URL; without one, the open page."""
        if address:
            self.page.goto(address)
        self.page.screenshot(path=TARGET / f"{what}-{self.name}.png", full_page=True)
        _assert_nothing_sticks_out(self.page, what)


def _assert_nothing_sticks_out(page: Page, what: str) -> None:
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, f"{what} is {wider} px wider than its window"


def _write_index() -> int:
    """Write a page with all pictures, sorted by name; returns how many."""
    names = [picture.name for picture in sorted(TARGET.glob("*.png"))]
    figures = "\n".join(
        f'<figure><a href="{escape(name)}"><img src="{escape(name)}" alt="" loading="lazy"></a>'
        f"<figcaption>{escape(name[:-4])}</figcaption></figure>"
        for name in names
    )
    (TARGET / "index.html").write_text(INDEX.replace("FIGURES", figures))
    return len(names)


INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Till Coffee, page by page</title>
<style>
body { margin: 1.5rem; font: 14px system-ui, sans-serif; background: #999; }
main { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: start; }
figure { margin: 0; } img { display: block; height: 420px; width: auto; } figcaption { margin-top: .25rem; }
</style></head><body><main>
FIGURES
</main></body></html>
"""


if __name__ == "__main__":
    main()
