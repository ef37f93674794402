"""Money that is not what we asked for: noted, shown, and decided on by a person; nothing of it is silent."""

from dataclasses import replace
from uuid import uuid4

import pytest
from django.db.models import Q

from billing.models import AskedBy, Attention, Payment
from billing.money import Money
from billing.payments import mismatches
from billing.payments import service as payments
from billing.payments.check import CHECK_QUEUE, check, record
from billing.payments.mismatches import CannotDecide
from billing.providers.base import PaymentSnapshot
from billing.refunds import service as refunds
from billing.states import Status
from commerce.models import Order, OrderStatus, Product
from config.due.queue import database_now
from tests.shop import Shop
from tests.stock import stock_adds_up
from tests.threads import at_once

pytestmark = pytest.mark.sqlite_is_enough


def takes(shop: Shop, value: str, currency: str = "EUR") -> tuple[Order, Payment]:
    """An order of 4.50 EUR for which the provider took something else, looked at."""
    order, payment = shop.order(shop.product(stock=3))
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": value, "currency": currency})
    shop.sweep_now(payment)
    return shop.fresh(order), shop.fresh(payment)


def theirs(shop: Shop, payment: Payment) -> int:
    """What the provider holds for us of this payment, in minor units."""
    (found,) = (each for each in shop.sandbox.payments() if each["id"] == payment.provider_ref)
    if found["status"] != "succeeded":
        return 0
    back = found.get("refunded_amount", {"value": "0"})["value"]
    return Money.parse(found["amount"]["value"], "EUR").minor - Money.parse(back, "EUR").minor


def ours(payment: Payment) -> int:
    """What our books say of it."""
    return payment.left.minor if payment.left else 0


@pytest.mark.parametrize("value", ["4.49", "4.51", "450.00"])
def test_another_sum_is_noted_and_waits_for_a_person(shop: Shop, value: str) -> None:
    """The payment stays open, slowly looked at; the order waits, and cannot be paid a second time."""
    order, payment = takes(shop, value)

    assert (payment.status, payment.attention) == (Status.PENDING, Attention.MISMATCH)
    assert str(payment.received) == f"{value} EUR"
    assert (order.status, ours(payment)) == (OrderStatus.AWAITING_PAYMENT, theirs(shop, payment))
    assert payments.money_may_come(order.public_id)


@pytest.mark.parametrize("value", ["4.49", "4.51"])
def test_a_person_accepts_it_as_it_is(shop: Shop, value: str) -> None:
    """The order is paid; the difference, and who decided why, stay on the row."""
    order, payment = takes(shop, value)

    mismatches.accept(payment.pk, "olga", "rounded by the bank")
    shop.sweep()

    payment, order = shop.fresh(payment), shop.fresh(order)
    assert (payment.status, payment.attention, payment.next_check_at) == (Status.SUCCEEDED, "", None)
    assert (payment.decided_by, payment.decided_why, payment.found_by) == ("olga", "rounded by the bank", "operator")
    assert (order.status, str(payment.received)) == (OrderStatus.PAID, f"{value} EUR")
    assert ours(payment) == theirs(shop, payment)
    assert stock_adds_up(Product.objects.get(), 3)


def test_what_came_is_what_can_go_back(shop: Shop) -> None:
    """After an overpayment the difference, or everything; after an underpayment not a unit more than came."""
    order, payment = takes(shop, "5.00")
    mismatches.accept(payment.pk, "olga", "she paid too much")
    shop.sweep()

    shop.refund(payment, "0.50")
    shop.sweep()
    assert (shop.fresh(order).status, shop.fresh(order).refunded_minor) == (OrderStatus.PAID, 50)
    with pytest.raises(refunds.CannotRefund, match=r"At most €4\.50 can be refunded"):
        shop.refund(payment, "4.51")
    shop.refund(payment)
    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.REFUNDED
    assert ours(shop.fresh(payment)) == theirs(shop, payment) == 0


def test_less_than_we_asked_for_is_the_limit(shop: Shop) -> None:
    """The database checks against what came, too."""
    _, payment = takes(shop, "4.00")
    mismatches.accept(payment.pk, "olga", "never mind")

    with pytest.raises(refunds.CannotRefund, match=r"At most €4\.00 can be refunded"):
        shop.refund(payment, "4.50")


@pytest.mark.postgres_too
@pytest.mark.parametrize(("value", "currency"), [("4.51", "EUR"), ("4.50", "USD")])
def test_a_person_gives_all_of_it_back(shop: Shop, value: str, currency: str) -> None:
    """In the currency that came. The payment has failed, and the customer may try again."""
    order, payment = takes(shop, value, currency)
    key = uuid4().hex

    ids = at_once(*[lambda: mismatches.give_back(payment.pk, "olga", "not our price", key).pk] * 3)
    shop.sweep()

    payment = shop.fresh(payment)
    assert len(set(ids)) == 1
    assert (payment.status, payment.refunds_minor, payment.decided_by) == (
        Status.FAILED,
        payment.received_minor,
        "olga",
    )
    assert (str(payment.refunds.get().amount), ours(payment), theirs(shop, payment)) == (f"{value} {currency}", 0, 0)
    assert shop.fresh(order).status == OrderStatus.AWAITING_PAYMENT
    assert not payments.money_may_come(order.public_id)
    assert order.notifications.filter(kind="money_back").count() == 1


def test_what_was_given_back_is_not_news(shop: Shop) -> None:
    """The provider still says "succeeded" when it is asked once more: it was decided on."""
    order, payment = takes(shop, "4.51")
    mismatches.give_back(payment.pk, "olga", "not our price", uuid4().hex)
    shop.sweep()
    before = shop.fresh(payment)

    shop.receive(payment)
    shop.sweep()

    payment = shop.fresh(payment)
    assert (payment.status, payment.attention, payment.ended_at) == (Status.FAILED, "", before.ended_at)
    assert shop.fresh(order).attention_note == ""


def test_another_currency_is_never_accepted(shop: Shop) -> None:
    """4.50 USD are not 4.50 EUR."""
    _, payment = takes(shop, "4.50", "USD")

    with pytest.raises(CannotDecide, match="only EUR can count"):
        mismatches.accept(payment.pk, "olga", "looks right")

    assert shop.fresh(payment).status == Status.PENDING


def test_a_refund_that_fails_leaves_the_money_to_decide_on(shop: Shop) -> None:
    """The provider will not give it back: it can be tried again, or be accepted after all."""
    shop.sandbox.refunds_start_as("failed")
    order, payment = takes(shop, "4.51")
    mismatches.give_back(payment.pk, "olga", "not our price", uuid4().hex)
    shop.sweep()
    assert ours(shop.fresh(payment)) == theirs(shop, payment) == 451
    assert "did not go through" in shop.fresh(order).attention_note

    mismatches.accept(payment.pk, "boris", "keep it then")
    shop.sweep()

    assert (shop.fresh(payment).status, shop.fresh(order).status) == (Status.SUCCEEDED, OrderStatus.PAID)


def test_a_mismatch_that_the_provider_corrects_is_forgotten(shop: Shop) -> None:
    """One wrong answer, and then the right one."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.sandbox.fault("status", "wrong_amount", times=1)
    payment = shop.look(payment)
    assert (payment.attention, payment.received) == (Attention.MISMATCH, Money(550, "EUR"))

    shop.sweep_now(payment)

    payment = shop.fresh(payment)
    assert (payment.status, payment.received_minor, payment.received) == (Status.SUCCEEDED, None, payment.amount)
    assert shop.fresh(order).status == OrderStatus.PAID


def test_a_wrong_sum_that_comes_late_is_decided_on_as_well(shop: Shop) -> None:
    """The payment had ended unpaid; accepted, it is late money."""
    order, payment = shop.order(shop.product(stock=3))
    shop.buyer(payment, "cancel")
    shop.sweep_now(payment)
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": "4.00", "currency": "EUR"})
    shop.receive(payment)
    shop.sweep()
    payment = shop.fresh(payment)
    assert (payment.status, payment.attention) == (Status.CANCELED, Attention.MISMATCH)

    mismatches.accept(payment.pk, "olga", "never mind")
    shop.sweep()

    assert (shop.fresh(payment).status, shop.fresh(order).status) == (Status.SUCCEEDED, OrderStatus.PAID)


def test_an_unpaid_end_is_believed_whatever_its_amount(shop: Shop) -> None:
    """No money is in it, and the order must not wait for ever."""
    order, payment = shop.order(shop.product(stock=3))
    shop.sandbox.fault("any", "wrong_amount")
    shop.look(payment)
    assert shop.fresh(payment).attention == Attention.MISMATCH

    shop.let_time_pass(4000)
    shop.sweep_now(payment)

    assert (shop.fresh(payment).status, shop.fresh(order).status) == (Status.EXPIRED, OrderStatus.EXPIRED)
    assert stock_adds_up(Product.objects.get(), 3)


def test_a_payment_of_somebody_else_is_closed_by_a_person(shop: Shop) -> None:
    """Another reference, and no money: nothing of it is believed, so somebody looks and ends it."""
    order, payment = shop.order(shop.product(stock=3))
    shop.sandbox.fault("status", "wrong_reference")
    payment = shop.look(payment)
    assert (payment.attention, payment.received) == (Attention.MISMATCH, None)

    closed = mismatches.close(payment.pk, "olga", "not in their list")
    shop.sweep()

    assert (closed.pk, closed.status) == (payment.pk, Status.CANCELED)
    assert (shop.fresh(payment).status, shop.fresh(order).status) == (Status.CANCELED, OrderStatus.CANCELED)


def test_nobody_decides_where_there_is_nothing_to_decide(shop: Shop) -> None:
    """A pending payment, a paid one, and one that has money in it."""
    _, pending = shop.order(shop.product(stock=9))
    _, paid = shop.paid()
    _, wrong = shop.order()
    shop.sandbox.force(wrong.provider_ref, "succeeded", "", {"value": "9.00", "currency": "EUR"})
    shop.look(wrong)

    for payment in (pending, paid):
        for verb in (mismatches.accept, mismatches.close):
            with pytest.raises(CannotDecide):
                verb(payment.pk, "olga", "")
        with pytest.raises(CannotDecide):
            mismatches.give_back(payment.pk, "olga", "", uuid4().hex)
    with pytest.raises(CannotDecide, match="There is money"):
        mismatches.close(wrong.pk, "olga", "")


def test_a_decision_wins_over_a_look_that_is_under_way(shop: Shop) -> None:
    """The look's claim is lost; what it brings changes nothing."""
    order, payment = takes(shop, "4.51")
    CHECK_QUEUE.make_due(Q(pk=payment.pk), "operator")
    claimed = CHECK_QUEUE.claim_one(payment.pk)
    assert claimed is not None
    found = check(claimed, database_now())

    mismatches.accept(payment.pk, "olga", "fine")
    record([found])
    shop.sweep()

    assert (shop.fresh(payment).status, shop.fresh(order).status) == (Status.SUCCEEDED, OrderStatus.PAID)


def test_what_is_on_its_way_back_is_not_accepted(shop: Shop) -> None:
    """It cannot be kept and given back; when the refund has failed, it can be kept."""
    shop.sandbox.refunds_start_as("pending")
    _, payment = takes(shop, "4.51")
    mismatches.give_back(payment.pk, "olga", "not our price", uuid4().hex)

    with pytest.raises(CannotDecide, match="refunded already"):
        mismatches.accept(payment.pk, "boris", "keep it")

    payment = shop.fresh(payment)
    assert (payment.status, payment.decided_by, payment.refunds_minor) == (Status.FAILED, "olga", 451)


def test_the_same_form_again_gives_back_once_and_decides_nothing_anew(shop: Shop) -> None:
    """Who decided first, and when, stays on the row."""
    _, payment = takes(shop, "4.51")
    first = mismatches.give_back(payment.pk, "olga", "not our price", "k" * 32)
    decided = shop.fresh(payment)

    again = mismatches.give_back(payment.pk, "boris", "me too", "k" * 32)

    assert again == first
    assert (first.amount, first.wanted_by, first.why) == (Money(451, "EUR"), "olga", "not our price")
    assert shop.fresh(payment).decided_by == "olga"
    assert shop.fresh(payment).ended_at == decided.ended_at


def test_what_could_not_go_back_is_tried_again_with_another_form(shop: Shop) -> None:
    """The first refund failed; the second is decided on anew."""
    shop.sandbox.refunds_start_as("failed")
    _, payment = takes(shop, "4.51")
    shop.follow(mismatches.give_back(payment.pk, "olga", "not our price", uuid4().hex))
    assert shop.fresh(payment).refunds_minor == 0

    shop.sandbox.refunds_start_as("succeeded")
    shop.follow(mismatches.give_back(payment.pk, "boris", "once more", uuid4().hex))

    assert (ours(shop.fresh(payment)), theirs(shop, payment)) == (0, 0)
    assert shop.fresh(payment).decided_by == "boris"


def test_giving_back_is_an_end_that_the_shop_is_told_of(shop: Shop) -> None:
    """One event, with what was found out and by whom; nothing is left to look at."""
    _, payment = takes(shop, "4.51")

    mismatches.give_back(payment.pk, "olga", "not our price", uuid4().hex)

    payment = shop.fresh(payment)
    assert (payment.status, payment.reason) == (Status.FAILED, "not what we asked for: given back")
    assert (payment.next_check_at, payment.attention, payment.attention_note) == (None, "", "")
    assert payment.ended_at is not None
    event = payment.events.get(target=Status.FAILED)
    assert (event.source, event.found_by, event.refund) == (Status.PENDING, "operator", None)
    assert event.settle_after is not None


def test_a_wrong_sum_that_came_late_goes_back_and_changes_no_state(shop: Shop) -> None:
    """It had ended unpaid, and stays so: there is no arrow to tell of, only a refund."""
    _, payment = shop.order(shop.product(stock=3))
    shop.buyer(payment, "cancel")
    shop.sweep_now(payment)
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": "4.00", "currency": "EUR"})
    shop.look(payment)
    before = shop.fresh(payment)
    assert (before.status, before.attention) == (Status.CANCELED, Attention.MISMATCH)

    refund = mismatches.give_back(payment.pk, "olga", "too late", uuid4().hex)

    after = shop.fresh(payment)
    assert (after.status, after.reason, after.ended_at) == (Status.CANCELED, before.reason, before.ended_at)
    assert (after.found_by, after.attention, after.decided_why) == (before.found_by, "", "too late")
    assert [event.target for event in after.events.filter(refund=None)] == ["pending", "canceled"]
    assert refund.amount == Money(400, "EUR")


def test_who_decided_and_why_is_kept_as_far_as_there_is_room(shop: Shop) -> None:
    """A long story loses its end, never the decision."""
    _, payment = takes(shop, "4.51")

    accepted = mismatches.accept(payment.pk, "o" * 151, "w" * 201)

    payment = shop.fresh(payment)
    assert (accepted, accepted.status) == (payment, Status.SUCCEEDED)
    assert (payment.decided_by, payment.decided_why) == ("o" * 150, "w" * 200)
    assert payment.ended_at is not None
    assert payment.events.get(target=Status.SUCCEEDED).found_by == "operator"


def test_what_was_accepted_is_not_decided_on_again(shop: Shop) -> None:
    """It is a payment like any other then: it goes back as a refund, and who accepted it stays on the row."""
    _, payment = takes(shop, "4.51")
    mismatches.accept(payment.pk, "olga", "fine")

    for verb in (mismatches.accept, mismatches.close):
        with pytest.raises(CannotDecide):
            verb(payment.pk, "boris", "")
    with pytest.raises(CannotDecide):
        mismatches.give_back(payment.pk, "boris", "", uuid4().hex)

    assert (shop.fresh(payment).decided_by, shop.fresh(payment).refunds_minor) == ("olga", 0)


def test_what_has_ended_unpaid_is_not_closed_again(shop: Shop) -> None:
    """A strange answer about it calls for a person, but there is nothing left to call off."""
    _, payment = shop.order()
    shop.buyer(payment, "decline")
    shop.look(payment)
    looked = answered(shop, payment, reference="somebody-else")
    assert (looked.status, looked.attention, looked.received) == (Status.FAILED, Attention.MISMATCH, None)

    with pytest.raises(CannotDecide, match="still being followed"):
        mismatches.close(payment.pk, "olga", "")

    assert shop.fresh(payment).status == Status.FAILED


def test_what_needs_no_person_is_not_closed(shop: Shop) -> None:
    """A payment that merely waits may still be paid."""
    _, payment = shop.order()

    with pytest.raises(CannotDecide, match="still being followed"):
        mismatches.close(payment.pk, "olga", "")

    assert shop.fresh(payment).is_open


def answered(shop: Shop, payment: Payment, **lie: object) -> Payment:
    """Looked at, with something else in the provider's answer than it says."""
    CHECK_QUEUE.make_due(Q(pk=payment.pk), AskedBy.OPERATOR)
    claimed = CHECK_QUEUE.claim_one(payment.pk) or shop.fresh(payment)
    claimed.due_since = database_now()
    found = check(claimed, database_now())
    assert isinstance(found.outcome, PaymentSnapshot)
    record([replace(found, outcome=replace(found.outcome, **lie))])  # type: ignore[arg-type]
    return shop.fresh(payment)


def test_an_answer_about_another_payment_is_not_believed(shop: Shop) -> None:
    """Not its state, not its money, not its id."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")

    looked = answered(shop, payment, provider_ref="pay_of_somebody_else")

    assert (looked.status, looked.attention) == (Status.PENDING, Attention.MISMATCH)
    assert looked.attention_note == "the provider answered for another payment"
    assert (looked.provider_ref, looked.received_minor) == (payment.provider_ref, None)


def test_the_money_of_another_payment_is_not_noted_as_received(shop: Shop) -> None:
    """Another id and another sum: there is nothing to accept or to give back."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")

    looked = answered(shop, payment, provider_ref="pay_of_somebody_else", amount=Money(900, "EUR"))

    assert (looked.attention, looked.received_minor, looked.provider_ref) == ("mismatch", None, payment.provider_ref)


def test_another_sum_after_success_is_told_and_changes_nothing(shop: Shop) -> None:
    """What was taken was compared then; what is said now is a case for a person."""
    _, payment = shop.paid()

    looked = answered(shop, payment, amount=Money(900, "EUR"))

    assert (looked.status, looked.attention) == (Status.SUCCEEDED, Attention.MISMATCH)
    assert (looked.received_minor, looked.received) == (None, payment.amount)


def test_what_goes_back_is_not_noted_anew(shop: Shop) -> None:
    """While a refund holds some of what came, another sum from the provider must not move its bounds."""
    shop.sandbox.refunds_start_as("pending")
    _, payment = takes(shop, "4.51")
    mismatches.give_back(payment.pk, "olga", "not our price", uuid4().hex)

    looked = answered(shop, payment, amount=Money(900, "EUR"))

    assert (looked.received_minor, looked.refunds_minor, looked.status) == (451, 451, Status.FAILED)
    assert looked.attention == Attention.MISMATCH


def test_a_wrong_sum_that_is_only_held_is_not_noted_as_received(shop: Shop) -> None:
    """Nothing came yet."""
    _, payment = shop.order()
    shop.buyer(payment, "authorize")

    looked = answered(shop, payment, amount=Money(900, "EUR"))

    assert (looked.status, looked.attention, looked.received) == (Status.PENDING, Attention.MISMATCH, None)
