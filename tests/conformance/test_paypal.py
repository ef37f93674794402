"""What is PayPal's alone: the access token, and the second call."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from billing.errors import NotFound, Refused, Unavailable, WrongCredentials
from billing.models import Advice, Payment
from billing.money import Money
from billing.providers.base import Account, Capturing, PaymentSnapshot
from billing.providers.paypal.adapter import PayPal
from billing.states import Status
from tests.conformance.cases.paypal import PayPalCase
from tests.conformance.standins.server import saying
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


DECLINED = [
    "INSTRUMENT_DECLINED",
    "PAYER_ACTION_REQUIRED",
    "PAYER_CANNOT_PAY",
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
    "TRANSACTION_REFUSED",
    "PAYER_ACCOUNT_RESTRICTED",
    "COMPLIANCE_VIOLATION",
]


@pytest.mark.parametrize("issue", DECLINED)
def test_a_declined_capture_sends_the_buyer_back(paypal: PayPalCase, issue: str) -> None:
    """It is open again, with the reason and the approval that is worth nothing any more; a new one is another."""
    adapter, payment = _approved(paypal)
    paypal.stand_in.refusals.append(issue)
    before = adapter.status(payment.provider_ref)

    declined = adapter.capture(before, "first key")

    assert (declined.status, declined.reason) == (Status.PENDING, issue)
    assert declined.advice != Advice.NONE
    assert declined.declined_approval == before.approval == adapter.status(payment.provider_ref).approval
    assert 0 < len(before.approval) <= 64
    assert adapter.capture(before, "first key").reason == issue  # PayPal keeps its answer under the key

    paypal.stand_in.approve(paypal.row(payment.provider_ref))
    again = adapter.status(payment.provider_ref)
    assert again.approval not in ("", before.approval)
    assert again.approved_at is not None
    assert adapter.capture(again, "second key").status == Status.SUCCEEDED


def test_a_decline_that_changes_the_order_is_no_new_approval(paypal: PayPalCase) -> None:
    """Otherwise the capture would be tried again, and declined again, without end."""
    adapter, payment = _approved(paypal)
    paypal.stand_in.refusals.append("INSTRUMENT_DECLINED")
    before = adapter.status(payment.provider_ref)
    paypal.row(payment.provider_ref)["update_time"] = "2026-07-01T11:00:00Z"

    declined = adapter.capture(before, "first key")

    assert declined.declined_approval == adapter.status(payment.provider_ref).approval != before.approval


def test_an_order_that_goes_back_to_its_buyer_has_no_approval(paypal: PayPalCase) -> None:
    """Then the declined one is that with which we asked."""
    adapter, payment = _approved(paypal)
    before = adapter.status(payment.provider_ref)
    paypal.row(payment.provider_ref)["status"] = "PAYER_ACTION_REQUIRED"
    paypal.stand_in.mischief.append(saying(paypal.stand_in.complaint(422, "INSTRUMENT_DECLINED")))

    declined = adapter.capture(before, "first key")

    assert (declined.status, declined.declined_approval) == (Status.PENDING, before.approval)
    assert declined.pay_url
    assert adapter.status(payment.provider_ref).approval == ""


def test_a_refusal_that_is_ours_to_mend_says_why(paypal: PayPalCase) -> None:
    """No buyer can help, so the approval stays good."""
    adapter, payment = _approved(paypal)
    paypal.stand_in.refusals.append("TRANSACTION_RECEIVING_LIMIT_EXCEEDED")

    refused = adapter.capture(adapter.status(payment.provider_ref), "first key")

    assert (refused.status, refused.reason) == (Status.AUTHORIZED, "TRANSACTION_RECEIVING_LIMIT_EXCEEDED")
    assert refused.declined_approval == ""


def test_the_capture_has_the_key_that_it_was_given(paypal: PayPalCase) -> None:
    """A new key for a new approval is the caller's."""
    adapter, payment = _approved(paypal)

    adapter.capture(adapter.status(payment.provider_ref), "a-key-of-the-caller")

    assert paypal.stand_in.requests[-1].headers["paypal-request-id"] == "a-key-of-the-caller"


def _approved(paypal: PayPalCase) -> tuple[PayPal, Payment]:
    adapter = paypal.adapter()
    assert isinstance(adapter, PayPal)
    payment = paypal.made_payment(adapter)
    paypal.say(payment.provider_ref, "APPROVED")
    return adapter, payment


def test_an_unpaid_order_is_forgotten(paypal: PayPalCase) -> None:
    """After three hours, unless PayPal has granted more; then it answers 404."""
    adapter = paypal.adapter()
    payment = paypal.made_payment(adapter)
    paypal.the_book.payments.clear()

    with pytest.raises(NotFound):
        adapter.status(payment.provider_ref)

    assert adapter.forgets == timedelta(hours=3)


def test_a_description_is_cut(paypal: PayPalCase) -> None:
    """PayPal takes 127 characters, and refuses more."""
    payment = paypal.payment()
    payment.description = "x" * 128

    assert paypal.adapter().create(payment).status == Status.PENDING


def test_the_fee_of_a_dispute_is_what_the_seller_pays(paypal: PayPalCase) -> None:
    """In the dispute's currency; what was given back is taken off."""
    adapter, payment = _approved(paypal)
    answer = adapter.capture(adapter.status(payment.provider_ref), "key")
    dispute = paypal.dispute(payment.provider_ref, "RESOLVED/RESOLVED_BUYER_FAVOUR")
    dispute["dispute_outcome"]["amount_refunded"] = {"currency_code": "USD", "value": "60.00"}
    dispute["money_movements"] = [
        _movement("SELLER", "DEBIT", "CHARGEBACK_FEE", "20.00", "USD"),
        _movement("SELLER", "CREDIT", "CHARGEBACK_FEE", "5.00", "USD"),
        _movement("SELLER", "DEBIT", "DISPUTE_FEE", "8.00", "EUR"),
        _movement("SELLER", "DEBIT", "DISPUTE_SETTLEMENT", "60.00", "USD"),
        _movement("BUYER", "DEBIT", "DISPUTE_FEE", "1.00", "USD"),
    ]

    found = adapter.disputes_of(answer)

    assert [(each.amount, each.fee_minor) for each in found] == [(Money(6000, "USD"), 1500)]


def _movement(party: str, kind: str, reason: str, value: str, currency: str) -> dict[str, object]:
    amount = {"currency_code": currency, "value": value}
    return {"affected_party": party, "type": kind, "reason": reason, "amount": amount}


def test_an_account_that_may_not_read_disputes_has_none(paypal: PayPalCase, caplog: pytest.LogCaptureFixture) -> None:
    """The payment is checked as ever, and the log says it once."""
    adapter, payment = _approved(paypal)
    answer = adapter.capture(adapter.status(payment.provider_ref), "key")
    paypal.stand_in.may_read_disputes = False

    assert [adapter.disputes_of(answer) for _ in range(3)] == [[], [], []]

    assert [record.message for record in caplog.records if "disputes" in record.message] == ["disputes.not_permitted"]


@pytest.mark.parametrize("names_order", [True, False])
def test_the_list_names_the_capture(paypal: PayPalCase, names_order: bool) -> None:
    """As the payment's id where PayPal does not say the order's. What went back is never said there."""
    adapter, payment = _approved(paypal)
    capture = adapter.capture(adapter.status(payment.provider_ref), "key").refs[0]
    adapter.refund(paypal.refund_of(payment, payment.amount_minor))
    paypal.stand_in.lists_orders = names_order
    now = timezone.now()

    rows = list(adapter.payments_between(now - timedelta(hours=1), now + timedelta(hours=1)))

    assert len(rows) == 1
    assert isinstance(rows[0], PaymentSnapshot)
    assert (rows[0].provider_ref, rows[0].refs) == (payment.provider_ref if names_order else capture, (capture,))
    assert (rows[0].status, rows[0].raw_status, rows[0].is_partial) == (Status.SUCCEEDED, "V", True)
    assert rows[0].reference == payment.reference


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
