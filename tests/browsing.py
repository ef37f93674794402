"""A real browser: Debian's Chromium, without a window."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.stack.ports import HANG_S
from tests.stack.programs import find_chromium

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=QUIET)
        yield browser
        browser.close()


def new_visitor(browser: Browser, **options: Any) -> BrowserContext:
    """A context with these options and with patience: a busy machine is slow."""
    context = browser.new_context(**options)
    context.set_default_timeout(HANG_S * 1000)
    return context


def follow(link: Locator) -> None:
    """Click, and wait for the page that comes."""
    with link.page.expect_navigation():
        link.click()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus; fails if it cannot be reached."""
    expect(target).to_be_visible()
    for _ in range(60):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} cannot be reached with Tab")
