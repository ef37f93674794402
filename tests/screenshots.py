"""A picture of every page, in both languages, on phone and desktop: `make screenshots`, or python -m tests.screenshots.

The pictures, and an index.html with all of them, go to var/screenshots/. Two small ones for the README go to
deploy/pictures/, which is in the repository; `--readme` takes only these.
"""

import sys
import time
from html import escape

from playwright.sync_api import Browser, BrowserContext, Page

from tests.browsing import chromium
from tests.embedded import ROOT, Embedded
from tests.tour import (
    DESKTOP,
    DESKTOP_DARK,
    LANGUAGES,
    PHONE,
    PHONE_DARK,
    Window,
    embedded_shop,
    log_in,
    place,
    press,
    take_over,
    tour,
    wait_for,
)

TARGET = ROOT / "var" / "screenshots"
PICTURES = ROOT / "deploy" / "pictures"
SHOP_WINDOWS = (PHONE, PHONE_DARK, DESKTOP)
STAFF_WINDOWS = (DESKTOP, DESKTOP_DARK, PHONE)
README = Window("readme", 960, 640)


def main() -> None:
    """Take all pictures, or with `--readme` only the two that are in the repository."""
    if sys.argv[1:] == ["--readme"]:
        with embedded_shop() as shop, chromium() as browser:
            shop.start()
            _take_for_readme(browser, shop)
    else:
        take_all()


def take_all() -> None:
    """Take every page anew, and write an index of the pictures."""
    started = time.monotonic()
    TARGET.mkdir(parents=True, exist_ok=True)
    for old in TARGET.glob("*.png"):
        old.unlink()
    with tour() as pages, chromium() as browser:
        for language in LANGUAGES:
            for window in SHOP_WINDOWS:
                with window.open(browser, language) as context:
                    pages.customers_pages(Camera(context, f"{language}-{window.name}"), language)
            for window in STAFF_WINDOWS:
                with window.open(browser, language) as context:
                    pages.staffs_pages(Camera(context, f"{language}-{window.name}"), language)
        _take_for_readme(browser, pages.shop)
    taken = _write_index()
    print(f"{taken} pictures in {time.monotonic() - started:.0f} s: {TARGET.relative_to(ROOT)}/index.html")


def _take_for_readme(browser: Browser, shop: Embedded) -> None:
    """An order that waits for its payment, and a console with one finding; small enough for the repository."""
    PICTURES.mkdir(exist_ok=True)
    order = place(shop, "en")
    press(order, "authorize")
    wait_for(shop, order, "checking")
    with shop.manage("jobs", "pause", "routine", "--why", "the mail server is moved") as program:
        assert program.wait(60) == 0, program.output()
    with README.open(browser, "en", scale=0.75) as context:
        page = context.new_page()
        take_over(context, shop, order)
        page.goto(f"{shop.url}/orders/{order.public_id}/")
        page.screenshot(path=PICTURES / "order.png")
        log_in(page, shop)
        page.goto(f"{shop.url}/admin/console/")
        page.screenshot(path=PICTURES / "console.png")


class Camera:
    """Takes pictures of whole pages, named by their content."""

    def __init__(self, context: BrowserContext, name: str) -> None:
        self.name, self.page = name, context.new_page()

    def see(self, what: str, address: str | None = None) -> None:
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
