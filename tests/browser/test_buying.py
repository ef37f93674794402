"""A person buys a coffee: a real browser, the real pages, the real provider."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import new_visitor, tab_to
from tests.embedded import Embedded
from tests.stack.mail import MailServer
from tests.stack.ports import free_port, wait_until


@pytest.fixture(scope="module")
def address(shop: Embedded) -> str:
    """The shop's."""
    return shop.url


@pytest.fixture(params=[True, pytest.param(False, marks=pytest.mark.campaign)], ids=["with scripts", "without scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    """Does the visitor's browser run JavaScript?"""
    return bool(request.param)


@pytest.fixture
def page(scripts: bool, chromium: Browser) -> Iterator[Page]:
    """A new visitor."""
    context = new_visitor(chromium, java_script_enabled=scripts, locale="en-GB")
    yield context.new_page()
    context.close()


def order_something(page: Page, address: str, email: str) -> None:
    """From the shelf to the provider's page."""
    page.goto(address)
    page.get_by_role("button", name="Add to cart").first.click()
    page.get_by_role("link", name="Checkout").or_(page.get_by_role("link", name="Go to checkout")).first.click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Name").fill("Ann O'Nym")
    page.get_by_label("Delivery address").fill("1 Main Street\nSpringfield")
    page.get_by_role("button", name="Order and pay").click()
    expect(page.get_by_role("heading", name="Sandbox bank")).to_be_visible()


def test_a_person_buys_a_coffee(page: Page, address: str, mail: MailServer) -> None:
    """Shelf, cart, checkout, the provider's page, and back: paid, and confirmed by one mail."""
    email = f"ann{free_port()}@example.com"
    order_something(page, address, email)

    page.locator("button[value=pay]").click()

    expect(page.locator("[data-status=paid]")).to_be_visible()
    wait_until(lambda: [m for m in mail.messages if email in m.recipients], "the confirmation came")
    assert len([m for m in mail.messages if email in m.recipients]) == 1


def test_the_order_page_follows_a_payment_made_elsewhere(
    page: Page, scripts: bool, chromium: Browser, address: str
) -> None:
    """The customer pays on another device; the page that is open notices, and needs no reload where it has a script."""
    order_something(page, address, "bob@example.com")
    pay_url, reference = page.url, page.locator("dd").last.inner_text()
    page.goto(f"{address}/orders/{reference}/")
    expect(page.locator("[data-status=pay]")).to_be_visible()
    reloads: list[Page] = []
    page.on("domcontentloaded", lambda loaded: reloads.append(loaded))

    elsewhere = new_visitor(chromium).new_page()
    elsewhere.goto(pay_url)
    elsewhere.locator("button[value=pay]").click()

    expect(page.locator("[data-status=paid]")).to_be_visible()
    assert bool(reloads) != scripts
    elsewhere.context.close()


def test_a_person_who_left_the_providers_page_finds_the_order(page: Page, scripts: bool, address: str) -> None:
    """A line in the shop leads back to it; with scripts its deadline is in the browser's time."""
    order_something(page, address, "eve@example.com")
    reference = page.locator("dd").last.inner_text()

    page.goto(address)
    line = page.locator("main .message", has_text="waits for your payment until")
    expect(line.locator("time[title]")).to_have_count(int(scripts))
    line.get_by_role("link", name="Go to payment").click()

    expect(page.locator("[data-status=pay]")).to_be_visible()
    assert page.url == f"{address}/orders/{reference}/"


def test_a_person_changes_their_mind(page: Page, address: str) -> None:
    """Cancelled before paying: the page says that it is under way, then that it is done, and tells the story."""
    order_something(page, address, "cleo@example.com")
    reference = page.locator("dd").last.inner_text()
    page.goto(f"{address}/orders/{reference}/")

    page.get_by_text("Cancel the order").first.click()
    page.get_by_role("button", name="Yes, cancel it").first.click()

    expect(page.locator("[data-status=canceled]")).to_be_visible()
    expect(page.locator(".history")).to_contain_text("the goods are back on the shelf")


def test_a_receipt_is_printed_without_what_is_only_for_the_screen(page: Page, scripts: bool, address: str) -> None:
    """The paper has the sum, and no buttons."""
    order_something(page, address, "dora@example.com")
    page.locator("button[value=pay]").click()
    page.get_by_role("link", name="Receipt to print").click()
    expect(page.get_by_role("button", name="Print")).to_be_visible(visible=scripts)

    page.emulate_media(media="print")

    expect(page.get_by_role("table")).to_contain_text("Total")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.get_by_role("link", name="Back to the order")).to_be_hidden()


def test_a_product_is_bought_with_the_keyboard_alone(page: Page, address: str) -> None:
    """From the search over the product's page to the provider's: Tab, Enter and what one types."""
    page.goto(address)
    tab_to(page, page.get_by_role("searchbox"))
    page.keyboard.type("KETTLE")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("1 product for “KETTLE”")
    tab_to(page, page.get_by_role("link", name="Gooseneck kettle"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Gooseneck kettle")).to_be_visible()
    tab_to(page, page.get_by_label("Quantity"))
    page.keyboard.type("2")  # a field that is tabbed to is selected
    page.keyboard.press("Enter")
    expect(page.get_by_text("€116.00").first).to_be_visible()
    tab_to(page, page.get_by_role("link", name="Go to checkout"))
    page.keyboard.press("Enter")
    for label, text in (("E-mail", "key@example.com"), ("Name", "Kay"), ("Delivery address", "1 Main Street")):
        tab_to(page, page.get_by_label(label))
        page.keyboard.type(text)
    tab_to(page, page.get_by_role("button", name="Order and pay"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Sandbox bank")).to_be_visible()


def test_another_delivery_is_chosen_with_the_keyboard(page: Page, address: str) -> None:
    """Tab reaches the marked one, the arrow marks the next, which needs no address; the provider asks for its total."""
    page.goto(f"{address}/products/enamel-mug/")
    page.get_by_role("button", name="Add to cart").click()
    page.goto(f"{address}/checkout/")
    for label, text in (("E-mail", "del@example.com"), ("Name", "Del")):
        page.get_by_label(label).fill(text)
    group = page.get_by_role("group", name="Delivery")
    courier = group.get_by_role("radio", name="Courier €4.90 Total €18.90")
    pickup = group.get_by_role("radio", name="Pick up in the shop free Total €14.00")
    expect(courier).to_be_checked()
    expect(page.get_by_label("Delivery address")).to_be_visible()

    tab_to(page, courier)
    page.keyboard.press("ArrowDown")
    expect(pickup).to_be_checked()
    expect(page.get_by_label("Delivery address")).to_be_hidden()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Sandbox bank")).to_be_visible()
    expect(page.get_by_text("14.00 EUR").first).to_be_visible()
    expect(page.get_by_text("18.90 EUR")).to_have_count(0)
