"""What is Stripe's alone: failures that are kept, bare PaymentIntents, and the end of a session."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from billing.errors import BadAnswer, Refused, StoredFailure, Unavailable
from billing.models import Payment
from billing.providers.base import DisputeSnapshot, PaymentSnapshot
from billing.providers.stripe.adapter import Stripe
from billing.states import DisputeStatus, Status
from tests.conformance.cases.stripe import StripeCase
from tests.conformance.standins.server import Reply, as_ever, failing_after, saying

KEPT = Reply(500, {"error": {"type": "api_error"}}, {"Stripe-Should-Retry": "false"})


@pytest.fixture
def stripe() -> Iterator[StripeCase]:
    with StripeCase() as case:
        yield case


def test_a_failure_that_is_kept_is_looked_behind(stripe: StripeCase) -> None:
    """The session was made, and the answer under our key will be a 500 for a day: the list has it."""
    adapter, payment = stripe.adapter(), stripe.payment()
    stripe.made_payment(adapter)
    stripe.stand_in.mischief.append(failing_after(KEPT))

    answer = adapter.create(payment)

    assert answer.reference == payment.reference
    assert answer.pay_url
    assert stripe.made() == 2


def test_a_failure_that_is_kept_with_nothing_behind_it_is_tried_once_more(stripe: StripeCase) -> None:
    """Under a second key, which every repeat uses as well."""
    adapter, payment = stripe.adapter(), stripe.payment()
    stripe.stand_in.mischief.append(saying(KEPT))
    answer = adapter.create(payment)
    stripe.stand_in.mischief.append(saying(KEPT))

    assert adapter.create(payment).provider_ref == answer.provider_ref
    assert stripe.made() == 1
    keys = [each.headers.get("idempotency-key") for each in stripe.stand_in.requests if each.method == "POST"]
    assert keys == [f"{payment.idempotency_key}-2"]


def test_a_failure_that_is_not_kept_is_repeated_as_it_was(stripe: StripeCase) -> None:
    """Without Stripe's word for it, a 500 is an outcome that is not known."""
    adapter, payment = stripe.adapter(), stripe.payment()
    stripe.fail(500)

    with pytest.raises(Unavailable) as found:
        adapter.create(payment)

    assert not isinstance(found.value, StoredFailure)
    assert stripe.count() == 0
    assert adapter.create(payment).status == Status.PENDING


@pytest.mark.parametrize("was_made", [True, False])
def test_a_refund_behind_a_kept_failure_is_never_made_again(stripe: StripeCase, was_made: bool) -> None:
    """It is found, or it stays open: money may have moved."""
    adapter = stripe.adapter()
    payment = stripe.made_payment(adapter)
    stripe.say(payment.provider_ref, stripe.paid)
    refund = stripe.refund_of(payment, 400)
    stripe.stand_in.mischief.append(as_ever)
    stripe.stand_in.mischief.append((failing_after if was_made else saying)(KEPT))

    if was_made:
        assert adapter.refund(refund).amount == refund.amount
    else:
        with pytest.raises(StoredFailure):
            adapter.refund(refund)

    assert len(stripe.the_book.refunds) == was_made


def test_a_key_that_was_used_for_something_else_decides_nothing(stripe: StripeCase) -> None:
    """A new version of ours may write the form in another way; the first one's outcome is still not known."""
    adapter, payment = stripe.adapter(), stripe.payment()
    adapter.create(payment)
    payment.description = "Three cups"

    with pytest.raises(Unavailable, match="HTTP 400 idempotency_error"):
        adapter.create(payment)


def test_stripe_says_what_may_be_repeated(stripe: StripeCase) -> None:
    """Its header outweighs the status."""
    adapter, payment = stripe.adapter(), stripe.payment()
    stripe.stand_in.mischief.append(saying(Reply(400, {"error": {"code": "lock"}}, {"Stripe-Should-Retry": "true"})))

    with pytest.raises(Unavailable, match="HTTP 400 lock"):
        adapter.create(payment)


INTENTS = {
    "requires_payment_method": Status.PENDING,
    "requires_confirmation": Status.PENDING,
    "requires_action": Status.PENDING,
    "processing": Status.PENDING,
    "requires_capture": Status.AUTHORIZED,
    "succeeded": Status.SUCCEEDED,
    "canceled": Status.CANCELED,
    "levitating": None,
}


@pytest.mark.parametrize("word", INTENTS)
def test_a_bare_intent_is_read(stripe: StripeCase, word: str) -> None:
    """The prefix of the id decides what is asked for. Each status of the contract, and one that is not in it."""
    adapter = stripe.adapter()
    ref = _intent(stripe, word)

    answer = adapter.status(ref)

    assert (answer.status, answer.raw_status, answer.provider_ref) == (INTENTS[word], word, ref)
    assert answer.amount == stripe.amounts[0]
    assert answer.reference.startswith("order-")


def test_a_bare_intent_is_cancelled_unless_it_was_paid(stripe: StripeCase) -> None:
    """And its money goes back without a session."""
    adapter = stripe.adapter()

    assert adapter.cancel(_intent(stripe, "requires_action")).status == Status.CANCELED

    paid = stripe.payment()
    paid.provider_ref = _intent(stripe, "succeeded")
    with pytest.raises(Refused, match="payment_intent_unexpected_state"):
        adapter.cancel(paid.provider_ref)
    assert adapter.refund(stripe.refund_of(paid, 99)).amount.minor == 99


@pytest.mark.parametrize("minutes", [1, 60, 24 * 60, 7 * 24 * 60])
def test_a_session_ends_within_the_bounds_of_stripe(stripe: StripeCase, minutes: int) -> None:
    """Whatever the window is, and in its last minute: 30 minutes to 24 hours after it is made."""
    adapter, payment = stripe.adapter(), stripe.payment()
    payment.window_ends_at = payment.created_at + timedelta(minutes=minutes)
    if minutes <= 60:
        late = timedelta(minutes=minutes - 1)
        payment.created_at -= late
        payment.window_ends_at -= late

    assert adapter.create(payment).status == Status.PENDING


def test_why_a_payment_failed_is_kept(stripe: StripeCase) -> None:
    """The last refusal's code, while the customer may still try again."""
    adapter = stripe.adapter()
    payment = stripe.made_payment(adapter)
    stripe.say(payment.provider_ref, "open/unpaid:requires_payment_method")
    stripe.row(payment.provider_ref)["payment_intent"]["last_payment_error"] = {
        "code": "card_declined",
        "decline_code": "insufficient_funds",
    }

    answer = adapter.status(payment.provider_ref)

    assert (answer.status, answer.reason) == (Status.PENDING, "insufficient_funds")


def _intent(stripe: StripeCase, status: str) -> str:
    payment = stripe.made_payment(stripe.adapter())
    session = stripe.the_book.payments.pop(payment.provider_ref)
    intent = stripe.intent_of(session, status)
    stripe.the_book.payments[intent["id"]] = intent
    return str(intent["id"])


def test_a_session_that_cost_nothing_pays_no_order(stripe: StripeCase) -> None:
    """No money came, and none will: it failed, and the customer may try again."""
    adapter = stripe.adapter()
    payment = stripe.made_payment(adapter)
    stripe.say(payment.provider_ref, "complete/no_payment_required")

    answer = adapter.status(payment.provider_ref)

    assert (answer.status, answer.reason) == (Status.FAILED, "no_payment_required")


def test_sessions_of_another_use_are_not_listed(stripe: StripeCase) -> None:
    """One stores a card, one is a free trial; neither is money, and neither stops the list."""
    adapter, now = stripe.adapter(), timezone.now()
    payment = stripe.made_payment(adapter)
    stripe.stand_in.put_other_uses(stripe.the_book)

    rows = list(adapter.payments_between(now - timedelta(minutes=1), now + timedelta(minutes=1)))

    assert [isinstance(row, PaymentSnapshot) and row.provider_ref for row in rows] == [payment.provider_ref]


@pytest.mark.parametrize("currency", ["usd", "eur"])
def test_the_fee_of_a_dispute_is_in_its_currency(stripe: StripeCase, currency: str) -> None:
    """A fee in another one is not known; one that was given back is none."""
    payment = _paid(stripe)
    dispute = stripe.dispute(payment.provider_ref, "lost")
    dispute["balance_transactions"][0]["currency"] = currency

    assert [each.fee_minor for each in _disputes(stripe, payment)] == [1500 if currency == "usd" else 0]

    dispute["balance_transactions"].append({"amount": 1099, "currency": currency, "fee": -1500})
    assert [each.fee_minor for each in _disputes(stripe, payment)] == [0]


def test_a_prevented_dispute_is_lost_if_the_money_is_gone(stripe: StripeCase) -> None:
    """Its status alone does not say so."""
    payment = _paid(stripe)
    dispute = stripe.dispute(payment.provider_ref, "prevented")
    dispute["balance_transactions"] = [{"amount": -1099, "currency": "usd", "fee": 0}]

    assert [each.status for each in _disputes(stripe, payment)] == [DisputeStatus.LOST]


def test_a_bank_that_takes_no_answer_sets_no_deadline(stripe: StripeCase) -> None:
    """`due_by` is 0."""
    payment = _paid(stripe)
    stripe.dispute(payment.provider_ref, "needs_response")["evidence_details"]["due_by"] = 0

    assert [each.evidence_due_at for each in _disputes(stripe, payment)] == [None]


def test_a_bare_intent_has_disputes_too(stripe: StripeCase) -> None:
    """It is its own intent."""
    adapter = stripe.adapter()
    ref = _intent(stripe, "succeeded")
    stripe.stand_in.put_dispute(stripe.the_book, stripe.row(ref), "lost")

    answer = adapter.status(ref)

    assert answer.is_disputed
    assert isinstance(adapter, Stripe)
    assert len(adapter.disputes_of(answer)) == 1


def test_a_list_that_does_not_go_on_ends(stripe: StripeCase) -> None:
    """There is more, says Stripe, and sends the same page again."""
    adapter, now = stripe.adapter(), timezone.now()
    stripe.made_payment(adapter)
    row = next(iter(stripe.the_book.payments.values()))
    stripe.stand_in.mischief += [saying(Reply(200, {"data": [row], "has_more": True}))] * 3

    with pytest.raises(BadAnswer, match="does not go on"):
        list(adapter.payments_between(now - timedelta(minutes=1), now))


def _paid(stripe: StripeCase) -> Payment:
    payment = stripe.made_payment(stripe.adapter())
    stripe.say(payment.provider_ref, stripe.paid)
    return payment


def _disputes(stripe: StripeCase, payment: Payment) -> list[DisputeSnapshot]:
    adapter = stripe.adapter()
    assert isinstance(adapter, Stripe)
    return adapter.disputes_of(adapter.status(payment.provider_ref))
