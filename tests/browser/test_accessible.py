"""Every page can be used with assistive software, fits its window, and keeps to the policy for scripts and styles.

A page is examined on desktop and phone, light and dark. `make campaigns` takes all four looks for each language. Of
these, `make test` takes two for pages of customers and one for those of staff, and examines the templates of Django's
admin in one language. Every width is measured in both.
"""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage

from tests.tour import DESKTOP, DESKTOP_DARK, PHONE, PHONE_DARK, Tour, Window, tour

DJANGOS = {
    "aria-prohibited-attr": (".help-tooltip",),  # of a field with two lists
    "empty-table-header": (".original", "th:nth-child("),  # the first and last column of rows from another table
    "label": ("_joined_", "_login_"),  # the two fields of one time
    "label-title-only": ("#searchbar",),  # its label is a picture
    "link-in-text-block": (".breadcrumbs >",),  # of pages that have no stylesheet of ours
    "page-has-heading-one": ("html",),  # the page to log in at the admin
    "scrollable-region-focusable": ("-group",),  # rows from another table, which have no link to focus
}
"""Rules that templates of Django's admin break, and the elements that do."""

ALL, OURS = re.compile(""), re.compile("(?!admin)|admin-(order-paid|decision)")
"""The names of pages: of all, and of those whose templates are ours."""

SETTLE = "document.getAnimations().forEach(each => each.effect.getComputedTiming().endTime < Infinity && each.finish())"
"""Ends what moves: a colour on its way to another one has no contrast yet."""


class Examiner:
    """Notes what is wrong with each page in each of the windows."""

    def __init__(self, context: BrowserContext, windows: tuple[Window, ...], examined: re.Pattern[str] = ALL) -> None:
        """Pages with other names than those to be examined are only measured."""
        self.page, self.windows, self.axe, self.examined = context.new_page(), windows, Axe(), examined
        self.faults: list[str] = []
        self.page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        """Chromium says in its console what the Content-Security-Policy forbade."""
        if "Content Security Policy" in message.text:
            self.faults.append(f"{self.page.url}: {message.text}")

    def see(self, what: str, address: str | None = None) -> None:
        """Open the page; it is loaded once for all windows."""
        if address:
            self.page.goto(address)
        for window in self.windows:
            self.page.set_viewport_size({"width": window.width, "height": window.height})
            self.page.emulate_media(color_scheme="dark" if window.dark else "light")
            self.page.evaluate(SETTLE)
            found = chain(self._width(), self._violations() if self.examined.match(what) else ())
            self.faults += [f"{what} ({window.name}): {fault}" for fault in found]

    def _violations(self) -> Iterator[str]:
        """Without "preload", for which axe copies style sheets into the page: the policy forbids that, rightly."""
        options = {"resultTypes": ["violations"], "preload": False}
        found = self.axe.run(self.page, options=options).response["violations"]
        yield from chain.from_iterable(_each(violation) for violation in found)

    def _width(self) -> Iterator[str]:
        wider = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wider > 0:
            yield f"{wider} px wider than its window"


def _each(violation: dict[str, Any]) -> Iterator[str]:
    """The elements that break a rule, apart from Django's own."""
    for node in violation["nodes"]:
        target = " ".join(map(str, node["target"]))
        if not any(theirs in target for theirs in DJANGOS.get(violation["id"], ())):
            yield f"{violation['id']}: {target} {node['html'][:200]}"


@pytest.fixture(scope="module")
def pages(prepared: Path) -> Iterator[Tour]:
    """The embedded shop, with something on every page."""
    with tour(prepared) as shown:
        yield shown


SHORT = {"en": (DESKTOP, PHONE_DARK), "ru": (PHONE, DESKTOP_DARK)}
EVERY = (DESKTOP, DESKTOP_DARK, PHONE, PHONE_DARK)


@pytest.mark.parametrize("readers", ["customers", "staffs"])
@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("looks", ["some", pytest.param("all", marks=pytest.mark.campaign)])
def test_no_page_shuts_anybody_out(pages: Tour, chromium: Browser, readers: str, language: str, looks: str) -> None:
    """Each page, once loaded, in each of the windows."""
    windows = SHORT[language][: 2 if readers == "customers" else 1] if looks == "some" else EVERY
    examined = OURS if looks == "some" and language != "en" else ALL
    with windows[0].open(chromium, language) as context:
        examiner = Examiner(context, windows, examined)
        getattr(pages, f"{readers}_pages")(examiner, language)
    assert not examiner.faults, f"{len(examiner.faults)} faults:\n" + "\n".join(examiner.faults)


def test_a_breach_of_the_policy_is_heard(pages: Tour, chromium: Browser) -> None:
    """Otherwise the silence of the other pages would prove nothing."""
    with DESKTOP.open(chromium, "en") as context:
        examiner = Examiner(context, ())
        examiner.see("catalogue", pages.shop.url)
        with examiner.page.expect_console_message():
            examiner.page.evaluate("document.body.setAttribute('style', 'color: red')")
    assert "style-src" in examiner.faults[0]
