"""Every page can be used with assistive software, and fits its window: axe's rules, in both languages.

A page is examined on desktop and phone, light and dark. `make test` takes one or two of these looks for each language,
`make chaos` all four.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext

from tests.tour import DESKTOP, DESKTOP_DARK, PHONE, PHONE_DARK, Tour, Window, tour

DJANGOS = {
    "aria-prohibited-attr": (".help-tooltip",),  # of a field with two lists
    "empty-table-header": (".original", "th:nth-child("),  # the first and last column of rows from another table
    "label-title-only": ("#searchbar",),  # its label is a picture
    "link-in-text-block": (".breadcrumbs >",),  # of pages that have no stylesheet of ours
    "page-has-heading-one": ("html",),  # the page to log in at the admin
    "scrollable-region-focusable": ("-group",),  # rows from another table, which have no link to focus
}
"""Rules that templates of Django's admin break, and the elements that do."""

SETTLE = "document.getAnimations().forEach(each => each.effect.getComputedTiming().endTime < Infinity && each.finish())"
"""Ends what moves: a colour on its way to another one has no contrast yet."""


class Examiner:
    """Notes what is wrong with each page in each of the windows."""

    def __init__(self, context: BrowserContext, windows: tuple[Window, ...]) -> None:
        self.page, self.windows, self.axe = context.new_page(), windows, Axe()
        self.faults: list[str] = []

    def see(self, what: str, address: str | None = None) -> None:
        """Open the page; it is loaded once for all windows."""
        if address:
            self.page.goto(address)
        for window in self.windows:
            self.page.set_viewport_size({"width": window.width, "height": window.height})
            self.page.emulate_media(color_scheme="dark" if window.dark else "light")
            self.page.evaluate(SETTLE)
            self.faults += [f"{what} ({window.name}): {fault}" for fault in self._faults()]

    def _faults(self) -> Iterator[str]:
        found = self.axe.run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
        yield from chain.from_iterable(_each(violation) for violation in found)
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
def pages() -> Iterator[Tour]:
    """The embedded shop, with something on every page."""
    with tour() as shown:
        yield shown


SHORT = {"en": (DESKTOP, PHONE_DARK), "ru": (PHONE, DESKTOP_DARK)}
EVERY = (DESKTOP, DESKTOP_DARK, PHONE, PHONE_DARK)


@pytest.mark.parametrize("readers", ["customers", "staffs"])
@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("looks", ["some", pytest.param("all", marks=pytest.mark.campaign)])
def test_no_page_shuts_anybody_out(pages: Tour, chromium: Browser, readers: str, language: str, looks: str) -> None:
    """Each page, once loaded, in each of the windows."""
    windows = SHORT[language][: 2 if readers == "customers" else 1] if looks == "some" else EVERY
    with windows[0].open(chromium, language) as context:
        examiner = Examiner(context, windows)
        getattr(pages, f"{readers}_pages")(examiner, language)
    assert not examiner.faults, f"{len(examiner.faults)} faults:\n" + "\n".join(examiner.faults)
