"""What a look writes, column by column, and what it leaves as it was."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models import Q

from billing import mismatches, payments
from billing.looks import CHECKS, Look, look, record
from billing.models import AskedBy, Attention, Payment
from billing.money import Money
from billing.providers import Answer
from billing.states import Status
from config.due import database_now
from tests.shop import Shop


def took(shop: Shop, value: str, currency: str = "EUR") -> Payment:
    """A payment for which the provider took something else than 4.50 EUR, looked at."""
    _, payment = shop.order()
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": value, "currency": currency})
    return shop.look(payment)


def says(shop: Shop, payment: Payment, **said: object) -> Payment:
    """Looked at once more, with this in the provider's answer."""
    CHECKS.make_due(Q(pk=payment.pk), AskedBy.CALLBACK)
    claimed = CHECKS.claim_one(payment.pk) or shop.fresh(payment)
    claimed.due_since, claimed.asked_by = database_now(), AskedBy.CALLBACK
    found = look(claimed, database_now())
    assert isinstance(found.outcome, Answer)
    record([Look(claimed, replace(found.outcome, **said))])  # type: ignore[arg-type]
    return shop.fresh(payment)


# --- what came -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.CANCELED, Status.FAILED, Status.EXPIRED])
def test_what_was_accepted_stays_what_came(shop: Shop, status: Status) -> None:
    """A provider that takes success back is reported; the sum that a person has accepted is not forgotten for it."""
    payment = took(shop, "4.51")
    mismatches.accept(payment.pk, "olga", "fine")

    payment = says(shop, payment, status=status)

    assert (payment.status, payment.received) == (Status.SUCCEEDED, Money(451, "EUR"))


def test_what_goes_back_stays_in_the_currency_that_came(shop: Shop) -> None:
    """4.50 USD on their way back do not become 4.50 EUR because the provider calls the payment cancelled."""
    payment = took(shop, "4.50", "USD")
    refund = mismatches.give_back(payment.pk, "olga", "not our currency", uuid4().hex)

    payment = says(shop, payment, status=Status.CANCELED)

    assert (payment.received_minor, payment.received_currency, payment.refunds_minor) == (450, "USD", 450)
    assert shop.fresh(refund).amount == Money(450, "USD")


def test_what_nobody_has_decided_on_is_forgotten_when_it_is_gone(shop: Shop) -> None:
    """The provider has sent it back by itself: there is nothing left to accept or to give back."""
    payment = took(shop, "4.51")

    payment = says(shop, payment, status=Status.CANCELED)

    assert (payment.status, payment.received_minor, payment.received_currency) == (Status.CANCELED, None, "")


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


def test_nobody_is_called_to_a_payment_that_never_began(shop: Shop) -> None:
    """A provider that would not have us, and then a definite no: it has failed, and there is nothing to look at."""
    shop.sandbox.fault("create", "unauthorized", times=1)
    _, payment = shop.order()
    assert (payment.attention, payment.attention_note == "") == (Attention.REFUSED, False)
    Payment.objects.filter(pk=payment.pk).update(currency="eur")  # which the provider does not take

    payment = shop.look(payment)

    assert (payment.status, payment.attention, payment.attention_note) == (Status.FAILED, "", "")


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
        payments.call_off(order.public_id)
    shop.let_time_pass(3700)

    assert shop.look(payment).status == (Status.CANCELED if called_off else Status.EXPIRED)


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
    CHECKS.make_due(Q(), AskedBy.OPERATOR)
    claimed = CHECKS.claim_batch(10)

    record([look(payment, database_now()) for payment in claimed])

    assert (shop.fresh(first).status, shop.fresh(second).status) == (Status.PENDING, Status.SUCCEEDED)
    assert (shop.fresh(first).claims, shop.fresh(second).claims) == (0, 0)
