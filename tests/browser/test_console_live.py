"""The person on call: a real browser on the console of the real shop."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from actors.console.views import REFRESH_S
from tests.browsing import new_visitor, tab_to
from tests.embedded import Embedded
from tests.stack.ports import HANG_S
from tests.tour import log_in

GIVEN_UP = """
from tests import backstage, reporting
from commerce.models import OrderStatus
backstage.mail(reporting.order(OrderStatus.PAID), "gone@example.com", "given_up", "550 <b>no such user</b>")
"""

FILL = """
from datetime import timedelta
from billing.models import Attention, Payment
from commerce.models import OrderStatus
from tests import backstage, reporting
from tests.consoles import job
long = "pneumonoultramicroscopicsilicovolcanoconiosis" * 3
for status in (OrderStatus.PAID, OrderStatus.AWAITING_PAYMENT):
    order = reporting.order(status)
    backstage.mail(order, "someone.with.a.long.name@mail.of.a.long.domain.example.com", "given_up", "550 " + long)
Payment.objects.filter(status="pending").update(attention=Attention.MISMATCH, attention_note=long, errors=3)
job(outcome="failed", error=f"ValueError: {long}", traceback=f"  File {long}, line 7\\n" * 9, args=f'["{long}"]')
"""
"""Something on every page, and words that no line holds."""

WIDTHS = (1280, 1024, 390)


@pytest.fixture(params=[True, pytest.param(False, marks=pytest.mark.campaign)], ids=["with scripts", "without scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    """Does the operator's browser run JavaScript?"""
    return bool(request.param)


@pytest.fixture
def page(scripts: bool, chromium: Browser, shop: Embedded) -> Iterator[Page]:
    """The operator on a phone, logged in; a complaint of the browser fails the test."""
    viewport = {"width": 390, "height": 844}
    context = new_visitor(chromium, java_script_enabled=scripts, locale="en-GB", viewport=viewport)
    opened, complaints = context.new_page(), []
    opened.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    log_in(opened, shop)
    opened.get_by_role("link", name="Console").click()
    yield opened
    context.close()
    assert complaints == []


def to_tab(page: Page, name: str) -> None:
    """Along the tabs."""
    tab = page.get_by_label("Console").get_by_role("link", name=name, exact=True)
    tab.click()
    expect(tab).to_have_attribute("aria-current", "page")  # the address of the page before looks like any other's
    page.wait_for_load_state()


def test_a_queue_is_paused_with_a_reason_and_resumed(page: Page) -> None:
    """Two clicks and a sentence; the first page says who did it and why, until it is resumed there."""
    to_tab(page, "Queues")
    page.get_by_role("row", name=re.compile("routine")).get_by_role("link", name="Pause…").click()
    page.get_by_label("Why?").fill("the mail server moves")
    page.get_by_role("button", name="Pause").click()

    expect(page.get_by_text("Queues paused: 1.")).to_be_visible()
    to_tab(page, "Overview")
    expect(
        page.get_by_role("link", name="queue routine: it is paused by operator: the mail server moves")
    ).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Queues resumed: 1.")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("queue routine: it is paused"))).to_have_count(0)


@pytest.mark.parametrize("scripts", [True], indirect=True)
def test_the_page_refreshes_itself(page: Page, shop: Embedded) -> None:
    """What happens elsewhere appears without a reload; not while somebody has chosen a row, or has stopped it."""
    to_tab(page, "Mail")
    loads: list[Page] = []
    page.on("domcontentloaded", lambda loaded: loads.append(loaded))

    _give_up_a_mail(shop)
    expect(page.get_by_text("gone@example.com")).to_have_count(1)

    page.get_by_role("button", name="Choose all").click()
    _give_up_a_mail(shop)
    page.wait_for_timeout((REFRESH_S + 1.5) * 1000)
    expect(page.get_by_role("checkbox").first).to_be_checked()
    expect(page.get_by_text("gone@example.com")).to_have_count(1)
    for box in page.get_by_role("checkbox").all():
        box.uncheck()
    expect(page.get_by_text("gone@example.com")).to_have_count(2)

    page.get_by_role("button", name="Stop refreshing").click()
    _give_up_a_mail(shop)
    page.wait_for_timeout((REFRESH_S + 1.5) * 1000)
    expect(page.get_by_text("gone@example.com")).to_have_count(2)
    page.get_by_role("button", name="Refresh again").click()
    expect(page.get_by_text("gone@example.com")).to_have_count(3)
    assert loads == []


@pytest.mark.parametrize("scripts", [True], indirect=True)
def test_a_page_whose_server_is_gone_says_so(page: Page, shop: Embedded) -> None:
    """Old numbers that look fresh are worse than none."""
    to_tab(page, "Work")
    page.context.set_offline(True)
    expect(page.get_by_text("No answer; this page is out of date.")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("No answer; this page is out of date.")).to_have_count(0)


@pytest.mark.parametrize("scripts", [True], indirect=True)
def test_a_finding_is_worked_off_with_the_keyboard_alone(page: Page) -> None:
    """From the tabs to the reason and back; the focus stays where it is while the page refreshes itself."""
    tab_to(page, page.get_by_label("Console").get_by_role("link", name="Queues", exact=True))
    page.keyboard.press("Enter")
    pause = page.get_by_role("row", name=re.compile("routine")).get_by_role("link", name="Pause…")
    tab_to(page, pause)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Why?")).to_be_focused()  # no way through the header again
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")

    resume = page.get_by_role("row", name=re.compile("routine")).get_by_role("button", name="Resume")
    tab_to(page, resume)
    with page.expect_response(re.compile("part=live")), page.expect_response(re.compile("part=live")):
        pass
    expect(resume).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Queues resumed: 1.")).to_be_visible()


@pytest.mark.parametrize("locale", ["en-GB", "ru-RU"])
def test_no_page_is_wider_than_its_window(chromium: Browser, shop: Embedded, locale: str) -> None:
    """Nor is a table or a chart wider than the panel it stands in: it would run into the next one."""
    _run(shop, FILL)
    context = new_visitor(chromium, locale=locale, reduced_motion="reduce")
    page = context.new_page()
    log_in(page, shop)
    wrong = [found for address in _every_page(page, shop) for found in _sticks_out(page, address)]
    context.close()
    assert wrong == []


def _every_page(page: Page, shop: Embedded) -> list[str]:
    """Those along the tabs, with filters that are open, and those of a row, and a question."""
    console = f"{shop.url}/admin/console/"
    page.goto(console)
    found = [f"{shop.url}{tab.get_attribute('href')}" for tab in page.locator("nav.tabs a").all()]
    for listed in ("payments/?which=newest&status=pending", "jobs/?q=outcome:failed&range=7d"):
        page.goto(f"{console}{listed}")
        row = page.locator(".rows tbody th a").last.get_attribute("href")
        found += [f"{console}{listed}", f"{shop.url}{row}"]
    further = ("work/payment/", "act/pause-queue/?key=routine", "act/check-payments/?key=2:which=open")
    return [*found, *(console + address for address in further)]


STICKING_OUT = """() => {
  const page = document.documentElement;
  const wider = page.scrollWidth > page.clientWidth ? [`the page by ${page.scrollWidth - page.clientWidth} px`] : [];
  const inner = [...document.querySelectorAll(".panel > table, .panel > svg, #live > table, .tiles > div")];
  const right = (one) => one.getBoundingClientRect().right;
  const out = inner.filter((one) => right(one) > right(one.parentElement) + 1);
  return [...wider, ...out.map((one) => `${one.tagName} ${one.textContent.slice(0, 40)}`)].join("; ");
}"""


def _sticks_out(page: Page, address: str) -> Iterator[str]:
    """At each width; the page is loaded once."""
    page.goto(address)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if found := page.evaluate(STICKING_OUT):
            yield f"{address} at {width}: {found}"


def _give_up_a_mail(shop: Embedded) -> None:
    _run(shop, GIVEN_UP)


def _run(shop: Embedded, script: str) -> None:
    with shop.manage("shell", "-v0", "-c", script) as program:
        assert program.wait(HANG_S) == 0, program.output()
