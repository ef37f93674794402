"""Every page of the shop, every report and every mail fits its window: nothing is cut off, nothing scrolls sideways."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, resolve
from playwright.sync_api import Browser, Page

from commerce.accounts import urls as accounts
from commerce.urls import urlpatterns
from tests.browsing import follow, new_visitor
from tests.embedded import Embedded
from tests.stack.ports import HANG_S
from tests.tour import LANGUAGES, log_in

WIDTHS = (320, 390, 1280)
MAIL_WIDTHS = (320, 600)

NO_PAGES = {
    "cart-add", "cart-change", "order-state", "order-return", "order-pay", "order-cancel", "order-again", "logout",
    "end-sessions",
    "report-csv", "reports-csv", "mails", "mail", "mail-html", "mail-file",
}  # fmt: skip
"""URLs that answer with a redirect or with data, or only without a mail server."""

PAGES_OF_GUESTS = (
    "/account/login/", "/account/new/", "/account/new/none/", "/account/mailed/", "/account/password/forgotten/",
    "/account/password/MQ/none/",
)  # fmt: skip

FILL = Path(__file__).with_name("fill_for_widths.py")
"""Runs in the shop's shell: long names, large numbers, and one row of everything that a page can show."""

WIDER = """() => {
    for (const each of document.querySelectorAll("[data-block]")) each.hidden = false;
    for (const each of document.querySelectorAll("details")) each.open = true;
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return "";
    const out = [...document.querySelectorAll("body *")].filter(
        (each) => each.getBoundingClientRect().right > root.clientWidth + 0.5);
    return `${root.scrollWidth - root.clientWidth} px: ` + out.map((each) => each.outerHTML.slice(0, 80)).join(" | ");
}"""
"""By how much a page is wider than its window, with what sticks out. All states of an order are shown at once."""

CUT_OFF = """() => [...document.querySelectorAll("body *")].filter((each) => {
    const style = getComputedStyle(each);
    const cuts = style.overflowX === "hidden" && style.textOverflow !== "ellipsis" && style.clipPath === "none";
    return cuts && each.scrollWidth > each.clientWidth + 1;
}).map((each) => {
    const edge = each.getBoundingClientRect().right;
    const out = [...each.querySelectorAll("*")].find((part) => part.getBoundingClientRect().right > edge) || each;
    return `cut off: ${out.outerHTML.slice(0, 160)}`;
})"""
"""What hides a part of its content, apart from texts that end in an ellipsis and those for screen readers."""

BROKEN_AMOUNTS = r"""() => {
    const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode.data.trim();
        if (!/^[(€]?\d[\d.,\s]*(€|[A-Z]{3})?\)?$/.test(text)) continue;
        const range = document.createRange();
        range.selectNodeContents(texts.currentNode);
        if (range.getClientRects().length > 1) found.push(text);
    }
    return found;
}"""
"""Texts that are an amount, and stand in two lines."""


@pytest.fixture(scope="module")
def filled(shop: Embedded) -> dict[str, Any]:
    """What FILL wrote: the paths of pages, and the mails by kind and language."""
    with shop.manage("shell", "-v0", "-c", FILL.read_text()) as program:
        assert program.wait(HANG_S) == 0, program.output()
        made: dict[str, Any] = json.loads(Path(program.last_lines(1).strip()).read_text())
    return made


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_of_the_shop_is_wider_than_its_window(
    shop: Embedded, filled: dict[str, Any], chromium: Browser, language: str
) -> None:
    """For staff with an open order and a full cart, and for a guest with an empty one."""
    too_wide: list[str] = []
    guest = new_visitor(chromium, locale=LANGUAGES[language], reduced_motion="reduce").new_page()
    staff = new_visitor(chromium, locale=LANGUAGES[language], reduced_motion="reduce").new_page()
    for path in (*PAGES_OF_GUESTS, "/cart/", "/nothing", "/?q=nothing"):
        guest.goto(shop.url + path)
        too_wide += trouble_at_each_width(guest, path)
    log_in(staff, shop)
    staff.goto(f"{shop.url}/products/enamel-mug/")
    follow(staff.locator("form.add button"))
    for path in filled["pages"]:
        staff.goto(shop.url + path)
        too_wide += trouble_at_each_width(staff, path)
    staff.goto(f"{shop.url}/checkout/")
    staff.locator("form#checkout").evaluate("form => { form.noValidate = true }")
    staff.locator("form#checkout [name=email]").fill("a" * 70 + "@")
    follow(staff.locator("form#checkout button[type=submit]"))
    too_wide += trouble_at_each_width(staff, "/checkout/ with errors")

    assert not too_wide, "\n".join(too_wide)
    for page in (guest, staff):
        page.context.close()


def test_every_page_of_the_shop_is_opened(filled: dict[str, Any]) -> None:
    """A new page is tried as well."""
    opened = {resolve(path.partition("?")[0]).url_name for path in (*filled["pages"], *PAGES_OF_GUESTS)}

    addresses = [*urlpatterns, *accounts.urlpatterns]
    assert opened == {pattern.name for pattern in addresses if isinstance(pattern, URLPattern)} - NO_PAGES


@pytest.mark.parametrize("width", MAIL_WIDTHS)
def test_no_mail_is_wider_than_its_window_and_no_amount_is_torn(
    filled: dict[str, Any], chromium: Browser, width: int
) -> None:
    """Of every kind, in both languages."""
    page = new_visitor(chromium, viewport={"width": width, "height": 600}).new_page()
    trouble: list[str] = []
    for name, html in filled["mails"].items():
        page.set_content(html)
        trouble += [f"{name}: {found}" for found in trouble_on(page)]

    assert not trouble, "\n".join(trouble)
    page.context.close()


def trouble_on(page: Page) -> list[str]:
    """What does not fit the window of the open page."""
    found = [page.evaluate(WIDER), *page.evaluate(CUT_OFF), *page.evaluate(BROKEN_AMOUNTS)]
    return [each for each in found if each]


def trouble_at_each_width(page: Page, name: str) -> list[str]:
    """The same, at each of WIDTHS."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        found += [f"{name} at {width}: {each}" for each in trouble_on(page)]
    return found
