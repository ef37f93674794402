"""What a look writes, column by column, and what it leaves as it was."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models import Q

from billing.models import AskedBy, Attention, Payment
from billing.money import Money
from billing.payments import mismatches
from billing.payments import service as payments
from billing.payments.check import CHECK_QUEUE, check, record
from billing.providers.base import PaymentSnapshot
from billing.states import Status
from config.due.queue import database_now
from tests.shop import Shop


def took(shop: Shop, value: str, currency: str = "EUR") -> Payment:
    """A payment for which the provider took something else than 4.50 EUR, looked at."""
    _, payment = shop.order()
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": value, "currency": currency})
    return shop.look(payment)


def says(shop: Shop, payment: Payment, **said: object) -> Payment:
    """Looked at once more, with this in the provider's answer."""
    CHECK_QUEUE.make_due(Q(pk=payment.pk), AskedBy.CALLBACK)
    claimed = CHECK_QUEUE.claim_one(payment.pk) or shop.fresh(payment)
    claimed.due_since, claimed.asked_by = database_now(), AskedBy.CALLBACK
    found = check(claimed, database_now())
    assert isinstance(found.outcome, PaymentSnapshot)
    record([replace(found, outcome=replace(found.outcome, **said))])  # type: ignore[arg-type]
    return shop.fresh(payment)


# --- what came -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.CANCELED, Status.FAILED, Status.EXPIRED])
def test_what_was_accepted_stays_what_came(shop: Shop, status: Status) -> None:
    """A provider that takes success back is reported; the sum that a person has accepted is not forgotten for it."""
    payment = took(shop, "4.51")
    mismatches.accept(payment.pk, "olga", "fine")

    payment = says(shop, payment, status=status)

    assert (payment.status, payment.received) == (Status.SUCCEEDED, Money(451, "EUR"))


@pytest.mark.parametrize(("value", "minor"), [("4.50", 450), ("0.01", 1)])
def test_what_goes_back_stays_in_the_currency_that_came(shop: Shop, value: str, minor: int) -> None:
    """4.50 USD on their way back do not become 4.50 EUR because the provider calls the payment cancelled."""
    payment = took(shop, value, "USD")
    refund = mismatches.give_back(payment.pk, "olga", "not our currency", uuid4().hex)

    payment = says(shop, payment, status=Status.CANCELED)

    assert (payment.received_minor, payment.received_currency, payment.refunds_minor) == (minor, "USD", minor)
    assert shop.fresh(refund).amount == Money(minor, "USD")


def test_what_nobody_has_decided_on_is_forgotten_when_it_is_gone(shop: Shop) -> None:
    """The provider has sent it back by itself: there is nothing left to accept or to give back."""
    payment = took(shop, "4.51")

    payment = says(shop, payment, status=Status.CANCELED)

    assert (payment.status, payment.received_minor, payment.received_currency) == (Status.CANCELED, None, "")


def test_late_money_that_nobody_has_decided_on_is_forgotten_when_it_is_gone(shop: Shop) -> None:
    """The same of a payment that had come to nothing before."""
    _, payment = shop.order()
    shop.buyer(payment, "cancel")
    canceled = shop.look(payment)
    late = says(shop, canceled, status=Status.SUCCEEDED, amount=Money(451, "EUR"))
    assert (late.status, late.received) == (Status.CANCELED, Money(451, "EUR"))

    gone = says(shop, late, amount=Money(451, "EUR"))

    assert (gone.received_minor, gone.received_currency, gone.attention) == (None, "", "")


def test_another_sum_is_known_by_its_id_from_the_first_answer_on(shop: Shop) -> None:
    """The answer to creating it was lost, and the next one says what came: without the id nothing could go back."""
    shop.sandbox.fault("create", "lost_answer", times=1)
    _, payment = shop.order()
    (there,) = (each for each in shop.sandbox.payments() if each["reference"] == payment.reference)
    shop.sandbox.force(str(there["id"]), "succeeded", "", {"value": "4.51", "currency": "EUR"})

    payment = shop.look(payment)

    assert (payment.provider_ref, payment.received) == (there["id"], Money(451, "EUR"))


def test_the_right_sum_takes_the_place_of_the_one_that_was_accepted(shop: Shop) -> None:
    """The provider has corrected itself after all: its books and ours say the same."""
    payment = took(shop, "4.51")
    mismatches.accept(payment.pk, "olga", "fine")

    payment = says(shop, payment, amount=Money(450, "EUR"))

    assert (payment.status, payment.received_minor, payment.received) == (Status.SUCCEEDED, None, payment.amount)


# --- an end ----------------------------------------------------------------------------------------------------------


def test_an_end_is_written_with_all_its_facts(shop: Shop) -> None:
    """Who found it, when, the provider's word and reason; no appointment and nothing for a person to look at."""
    _, payment = shop.order()
    shop.buyer(payment, "decline")
    asked = says(shop, payment, status=None, raw_status="what?")
    assert (asked.attention, asked.attention_note) == (Attention.UNKNOWN_STATUS, "the provider says 'what?'")

    ended = says(shop, payment)

    assert (ended.status, ended.found_by, ended.next_check_at) == (Status.FAILED, AskedBy.CALLBACK, None)
    assert (ended.attention, ended.attention_note, ended.asked_by) == ("", "", "")
    assert ended.ended_at is not None
    assert ended.raw_status == "failed"
    assert ended.reason != ""
    event = ended.events.get(target=Status.FAILED)
    assert (event.source, event.raw_status, event.found_by) == (Status.PENDING, "failed", AskedBy.CALLBACK)
    assert (event.refund, event.settle_after is None) == (None, False)


def test_late_money_moves_the_end_and_the_same_end_again_does_not(shop: Shop) -> None:
    """`ended_at` and `found_by` tell of the last arrow that was followed."""
    _, payment = shop.order()
    shop.buyer(payment, "cancel")
    canceled = shop.look(payment)

    again = says(shop, payment)
    assert (again.ended_at, again.found_by) == (canceled.ended_at, AskedBy.OPERATOR)

    paid = says(shop, payment, status=Status.SUCCEEDED)
    assert canceled.ended_at is not None
    assert paid.ended_at is not None
    assert (paid.status, paid.found_by, paid.ended_at > canceled.ended_at) == (
        Status.SUCCEEDED,
        AskedBy.CALLBACK,
        True,
    )
    assert [event.target for event in paid.events.order_by("pk")] == ["pending", "canceled", "succeeded"]


@pytest.mark.parametrize("called_off", [True, False])
def test_called_off_by_the_customer_is_cancelled_and_by_time_expired(shop: Shop, called_off: bool) -> None:
    """Whoever called it off first gives it its name, also when the time is over by then."""
    order, payment = shop.order()
    if called_off:
        payments.cancel(order.public_id)
    shop.let_time_pass(3700)

    assert shop.look(payment).status == (Status.CANCELED if called_off else Status.EXPIRED)


def test_what_went_back_before_we_knew_that_it_came_is_written_down(shop: Shop) -> None:
    """Somebody was quick in the provider's own pages: the look that finds success finds that, too."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.sandbox.refund(payment.provider_ref, {"value": "1.00", "currency": "EUR"})

    payment = shop.look(payment)

    assert (payment.status, payment.refunds_minor) == (Status.SUCCEEDED, 100)
    assert [(refund.amount_minor, refund.status) for refund in payment.refunds.all()] == [(100, "succeeded")]


def test_nobody_is_called_when_the_books_agree_again(shop: Shop) -> None:
    """The provider has corrected the sum that went back: the next look at paid money finds nothing to look at."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    paid = shop.look(payment)
    assert says(shop, paid, refunded_minor=9_999).attention == Attention.REFUNDS_DIFFER

    again = says(shop, paid)

    assert (again.status, again.attention, again.refunds_minor) == (Status.SUCCEEDED, "", 0)


def test_an_end_that_is_found_once_more_calls_nobody(shop: Shop) -> None:
    """Its time to pay is long over: that is no news of a payment that has ended."""
    _, payment = shop.order()
    shop.let_time_pass(3700)
    assert shop.look(payment).status == Status.EXPIRED

    again = says(shop, payment, status=Status.EXPIRED)

    assert (again.status, again.attention) == (Status.EXPIRED, "")


def test_who_wanted_the_end_that_the_provider_does_not_make_is_told(shop: Shop) -> None:
    """The person who looks at it must know whom to ask."""
    (order, payment), (_, forgotten) = (shop.order(shop.product(slug, stock=3)) for slug in ("espresso", "mocha"))
    payments.cancel(order.public_id)

    assert says(shop, payment, status=Status.PENDING).attention_note.startswith("the customer canceled it")
    shop.let_time_pass(3700)
    assert says(shop, forgotten, status=Status.PENDING).attention_note.startswith("it was not paid in time")


def test_only_success_that_is_taken_back_is_a_contradiction(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """The same success again is none, and neither is another word about what is open or has come to nothing."""
    product = shop.product(stock=9)
    (_, first), (_, second) = shop.order(product), shop.order(product)
    shop.buyer(first, "pay")
    paid = shop.look(first)
    says(shop, paid)
    says(shop, second, status=None)
    says(shop, second, status=Status.PENDING)
    says(shop, second, status=Status.FAILED)
    says(shop, second, status=Status.CANCELED)
    assert "payment.contradiction" not in caplog.messages

    says(shop, paid, status=Status.CANCELED)

    assert "payment.contradiction" in caplog.messages


def test_an_address_to_pay_at_is_kept_when_the_next_answer_has_none(shop: Shop) -> None:
    """The customer may still be on the way there."""
    _, payment = shop.order()
    assert payment.pay_url

    assert says(shop, payment, status=Status.AUTHORIZED, pay_url="").pay_url == payment.pay_url


def test_what_a_person_must_look_at_is_looked_at_slowly_and_cleared_by_a_good_answer(shop: Shop) -> None:
    """Also where the state is the same as before: that is news."""
    _, payment = shop.order()
    asked = says(shop, payment, status=None)
    assert asked.next_check_at is not None
    assert asked.next_check_at - database_now() > timedelta(seconds=500)

    good = says(shop, payment)

    assert (good.status, good.attention, good.attention_note) == (Status.PENDING, "", "")
    assert good.next_check_at is not None
    assert good.next_check_at - database_now() < timedelta(seconds=10)


def test_another_payment_of_the_same_look_is_written_for_itself(shop: Shop) -> None:
    """Two answers in one go: one pending, one paid; each row gets its own."""
    product = shop.product(stock=9)
    (_, first), (_, second) = shop.order(product), shop.order(product)
    shop.buyer(second, "pay")
    CHECK_QUEUE.make_due(Q(), AskedBy.OPERATOR)
    claimed = CHECK_QUEUE.claim_batch(10)

    record([check(payment, database_now()) for payment in claimed])

    assert (shop.fresh(first).status, shop.fresh(second).status) == (Status.PENDING, Status.SUCCEEDED)
    assert (shop.fresh(first).claims, shop.fresh(second).claims) == (0, 0)
