"""What is PayPal's alone: the access token, and the second call."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from billing.errors import Refused, Unavailable, WrongCredentials
from billing.providers.base import Account, Capturing
from billing.providers.paypal import PayPal
from billing.states import Status
from tests.conformance.cases.paypal import PayPalCase
from tests.threads import at_once


@pytest.fixture
def paypal() -> Iterator[PayPalCase]:
    with PayPalCase() as case:
        yield case


def test_one_token_does_for_all_threads(paypal: PayPalCase) -> None:
    """Fetched once, however many ask for it at once."""
    adapter = paypal.adapter()
    payment = paypal.made_payment(paypal.adapter())
    paypal.stand_in.tokens_given = 0

    at_once(*[lambda: adapter.status(payment.provider_ref)] * 16)

    assert paypal.stand_in.tokens_given == 1


def test_a_token_is_fetched_anew_before_its_end(paypal: PayPalCase) -> None:
    """A minute before: one that dies on the way there is an error nobody needs."""
    paypal.stand_in.token_life_s = 59
    adapter = paypal.adapter()
    payment = paypal.made_payment(adapter)

    adapter.status(payment.provider_ref)

    assert paypal.stand_in.tokens_given == 2


def test_a_token_that_is_no_longer_taken_is_no_wrong_key(paypal: PayPalCase) -> None:
    """The next call fetches another."""
    adapter = paypal.adapter()
    payment = paypal.made_payment(adapter)
    paypal.stand_in.expire_tokens()

    with pytest.raises(Unavailable, match="no longer valid"):
        adapter.status(payment.provider_ref)

    assert adapter.status(payment.provider_ref).status == Status.PENDING


def test_keys_that_open_nothing_are_wrong_credentials(paypal: PayPalCase) -> None:
    """No token is given out for them, and the next call may try again."""
    adapter = PayPal(Account("paypal", paypal.options() | {"client_secret": "typo"}))

    for _ in range(2):
        with pytest.raises(WrongCredentials, match="AUTHENTICATION_FAILURE"):
            adapter.status("5O1")


def test_money_is_taken_by_the_second_call_and_once(paypal: PayPalCase) -> None:
    """Repeated with the same key it brings the same capture; captured by somebody else, the order tells so."""
    adapter = paypal.adapter()
    assert isinstance(adapter, Capturing)
    payment = paypal.made_payment(adapter)
    paypal.say(payment.provider_ref, "APPROVED")

    taken = adapter.capture(adapter.status(payment.provider_ref), payment.idempotency_key)
    again = adapter.capture(adapter.status(payment.provider_ref), payment.idempotency_key)
    other = adapter.capture(adapter.status(payment.provider_ref), "another key")

    assert taken.status == again.status == other.status == Status.SUCCEEDED
    assert taken.raw_status == other.raw_status == "COMPLETED/COMPLETED"
    assert len(paypal.row(payment.provider_ref)["purchase_units"][0]["payments"]["captures"]) == 1


def test_a_capture_that_is_refused_leaves_the_order_as_it_is(paypal: PayPalCase) -> None:
    """The buyer may choose another way to pay; nothing has failed."""
    adapter = paypal.adapter()
    assert isinstance(adapter, Capturing)
    payment = paypal.made_payment(adapter)

    assert adapter.capture(adapter.status(payment.provider_ref), payment.idempotency_key).status == Status.PENDING


def test_an_approved_order_may_still_be_called_off(paypal: PayPalCase) -> None:
    """No money has moved, and none will."""
    adapter = paypal.adapter()
    payment = paypal.made_payment(adapter)
    paypal.say(payment.provider_ref, "APPROVED")

    assert adapter.cancel(payment.provider_ref).status == Status.CANCELED


def test_nothing_goes_back_of_what_was_never_taken(paypal: PayPalCase) -> None:
    """A refund is one of a capture."""
    adapter = paypal.adapter()
    payment = paypal.made_payment(adapter)

    with pytest.raises(Refused, match="no capture"):
        adapter.refund(paypal.refund_of(payment, 1))


def test_the_capture_that_brought_money_counts(paypal: PayPalCase) -> None:
    """Not one that was declined after it."""
    adapter = paypal.adapter()
    payment = paypal.made_payment(adapter)
    paypal.say(payment.provider_ref, paypal.paid)
    captures = paypal.row(payment.provider_ref)["purchase_units"][0]["payments"]["captures"]
    captures.append(captures[0] | {"id": "3C0", "status": "DECLINED"})

    assert adapter.status(payment.provider_ref).status == Status.SUCCEEDED


def test_an_account_that_may_not_search_says_so(paypal: PayPalCase) -> None:
    """The list needs a permission of its own."""
    paypal.stand_in.may_search = False
    now = timezone.now()

    with pytest.raises(WrongCredentials, match="PERMISSION_DENIED"):
        list(paypal.adapter().payments_between(now - timedelta(hours=1), now))


def test_a_callback_about_an_order_names_it(paypal: PayPalCase) -> None:
    """CHECKOUT.ORDER.APPROVED carries the order itself."""
    body = (
        b'{"event_type": "CHECKOUT.ORDER.APPROVED", "resource": {"id": "5O1", "purchase_units": [{"custom_id": "a"}]}}'
    )

    hint = paypal.adapter().read_callback(body)

    assert (hint.refs, hint.reference, hint.event) == (("5O1",), "a", "CHECKOUT.ORDER.APPROVED")
