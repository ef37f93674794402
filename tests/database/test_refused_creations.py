"""A provider that answers, and takes none of our payments: found, named, and no fault of the customer's."""

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from actors.operations.findings import findings_of, take_snapshot
from billing.limits import breaker
from billing.models import AccountState, Breaker
from billing.providers import provider_of
from billing.states import Status
from commerce import orders
from commerce.errors import AmountNotTaken
from commerce.models import Order
from tests.conformance.cases.stripe import StripeCase
from tests.database.test_providers_in_checks import only_provider
from tests.metrics import Counted
from tests.shop import CUSTOMER, Shop

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]


def refused(shop: Shop, kind: str = "invalid_request", times: int = 1) -> None:
    """So many checkouts, with a provider that refuses each."""
    shop.sandbox.fault("create", kind, times=times)
    for _ in range(times):
        shop.order()


def test_refusals_in_a_row_are_counted_and_name_the_parameter(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """The breaker stays closed, for the provider answers; one line in the log for one row of refusals."""
    refused(shop, times=3)

    state = AccountState.objects.get()
    assert (state.creations_refused, state.last_refusal) == (3, "HTTP 422 invalid_request receipt.items")
    assert state.breaker == Breaker.CLOSED
    assert caplog.messages.count("provider.refuses_to_create") == 1
    [finding] = [each for each in findings_of(take_snapshot()) if "refuses to create" in each.problem]
    assert (finding.since, finding.is_urgent) == (state.refused_since, True)
    assert "receipt.items" in finding.problem


def test_a_created_payment_ends_the_row(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Also in a process that has not seen the refusals."""
    refused(shop, times=2)
    breaker.seen.clear()

    _, payment = shop.order()

    assert payment.status == Status.PENDING
    state = AccountState.objects.get()
    assert (state.creations_refused, state.refused_since) == (0, None)
    assert caplog.messages.count("provider.creates_again") == 1
    assert not [each for each in findings_of(take_snapshot()) if "refuses to create" in each.problem]


@pytest.mark.parametrize("kind", ["unauthorized", "not_found"])
def test_a_wrong_key_is_a_refusal_too(shop: Shop, kind: str) -> None:
    """The payment stays open: the mistake may be mended before the window ends."""
    refused(shop, kind)

    assert AccountState.objects.get().creations_refused == 1


@pytest.mark.parametrize("kind", ["status_500", "lost_answer", "html", "status_429"])
def test_what_is_no_answer_is_no_refusal(shop: Shop, kind: str) -> None:
    """Nobody knows whether the payment was created."""
    refused(shop, kind)

    assert AccountState.objects.get().creations_refused == 0


def test_a_refused_customer_reads_whose_mistake_it_is(shop: Shop, client: Client) -> None:
    """And is not counted as sent on; once it is mended, the order can be paid from its page."""
    counted, product = Counted(), shop.product()
    client.post("/cart/add/", {"product": product.pk})
    shop.sandbox.fault("create", "invalid_request", times=1)

    answer = client.post("/checkout/", {"email": "ann@example.com", "name": "Ann", "address": "1 Main Street"})

    order = Order.objects.get()
    assert answer["Location"] == f"/orders/{order.public_id}/"
    page = client.get(answer["Location"]).content.decode()
    assert 'data-state="our_fault"' in page
    assert "receipt.items" not in page
    assert counted("tillkeeper_checkout_seconds_count", outcome="placed") == 1

    assert client.post(f"/orders/{order.public_id}/pay/")["Location"].startswith(shop.sandbox.url)


@pytest.fixture
def stripe(settings: Settings) -> Iterator[StripeCase]:
    case = StripeCase()
    with only_provider(case, settings):
        settings.PAYMENT_ACCOUNT = "stripe"
        yield case


def test_an_amount_below_the_smallest_is_told_before_anything_is_sent(stripe: StripeCase) -> None:
    """No order, no payment, no request: the customer reads the smallest amount."""
    shop = Shop(None)  # type: ignore[arg-type]
    cart = shop.cart(shop.product(price_minor=10))

    with pytest.raises(AmountNotTaken, match=r"€0\.50"):
        orders.place(cart, CUSTOMER)

    assert not Order.objects.exists()
    assert stripe.count() == 0
    assert provider_of("stripe").forgets is None
