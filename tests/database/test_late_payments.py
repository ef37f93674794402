"""Money that the order was not waiting for, under each policy: late, on top, and what people decide about it."""

from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from billing.callbacks import inbox
from billing.models import Payment, Refund
from billing.payments import service as payments
from billing.states import RefundStatus, Status
from commerce import late_payments, orders
from commerce.late_payments import CannotDecide
from commerce.models import Notification, Order, OrderEvent, OrderStatus, Product
from tests.shop import Shop
from tests.stock import stock_adds_up
from tests.threads import at_once

pytestmark = pytest.mark.sqlite_is_enough


def late(shop: Shop, espresso: Product, *, stock_is_gone: bool = False) -> tuple[Order, Payment]:
    """An order that was cancelled, and for which the money comes after all; settled."""
    order, payment = shop.order(espresso)
    shop.buyer(payment, "cancel")
    shop.sweep_now(payment)
    if stock_is_gone:
        Product.objects.filter(pk=espresso.pk).update(stock=0)
    shop.sandbox.force(payment.provider_ref, "succeeded")
    shop.receive(payment)
    shop.sweep()
    return shop.fresh(order), shop.fresh(payment)


def paid_twice(shop: Shop) -> tuple[Order, Payment]:
    """The first payment was refused, the second one is paid, and then the first one brings money after all."""
    order, first = shop.order(shop.product(stock=3))
    shop.buyer(first, "decline")
    shop.sweep_now(first)
    second = orders.pay_again(order.public_id)
    assert second is not None
    second = payments.introduce(second)
    shop.buyer(second, "pay")
    shop.sweep_now(second)
    shop.sandbox.force(first.provider_ref, "succeeded")
    shop.receive(first)
    shop.sweep()
    return shop.fresh(order), shop.fresh(first)


def money_back_mails(order: Order) -> int:
    """How often the customer was told."""
    return order.notifications.filter(kind=Notification.Kind.MONEY_BACK).count()


# --- by the policy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "stock_is_gone", "status", "note"),
    [
        ("accept", False, OrderStatus.PAID, ""),
        ("accept", True, OrderStatus.CANCELED, "succeeded after the stock was sold"),
        ("park", False, OrderStatus.CANCELED, "succeeded after the order had ended"),
        ("park", True, OrderStatus.CANCELED, "succeeded after the order had ended"),
        ("refund", False, OrderStatus.CANCELED, ""),
        ("refund", True, OrderStatus.CANCELED, ""),
    ],
)
def test_what_becomes_of_late_money(
    shop: Shop, settings: Settings, policy: str, stock_is_gone: bool, status: OrderStatus, note: str
) -> None:
    """Taken, parked for a person, or given back: never silent."""
    settings.LATE_MONEY_POLICY = policy
    espresso = shop.product(stock=3)

    order, payment = late(shop, espresso, stock_is_gone=stock_is_gone)

    assert order.status == status
    assert note in order.attention_note
    assert bool(order.attention_note) == bool(note)
    assert payment.refunds_minor == (payment.amount_minor if policy == "refund" else 0)
    assert stock_adds_up(espresso, 0 if stock_is_gone else 3)


def test_late_money_that_goes_back_is_told_to_the_customer_once(shop: Shop, settings: Settings) -> None:
    """However often it is settled: one refund, one mail, and the story says why."""
    settings.LATE_MONEY_POLICY = "refund"
    order, payment = late(shop, shop.product(stock=3))

    payment.events.update(settle_after=payment.ended_at)
    shop.sweep()

    refund = Refund.objects.get()
    assert (refund.status, refund.wanted_by) == (RefundStatus.SUCCEEDED, "late payment")
    assert refund.why == "it came after the order had ended"
    assert money_back_mails(order) == 1
    assert order.events.filter(kind=OrderEvent.Kind.MONEY_NOT_TAKEN).count() == 1
    assert shop.fresh(order).refunded_minor == 0, "the order never had this money"


def test_late_money_that_cannot_go_back_calls_for_a_person(shop: Shop, settings: Settings) -> None:
    """The provider will not: it is not tried for ever, and there is a way out."""
    settings.LATE_MONEY_POLICY = "refund"
    shop.sandbox.refunds_start_as("failed")

    order, payment = late(shop, shop.product(stock=3))

    assert "did not go through" in order.attention_note
    assert (Refund.objects.count(), payment.refunds_minor) == (1, 0)
    shop.sandbox.refunds_start_as("succeeded")
    late_payments.give_back(order.pk, payment.pk, "olga", "tried again", uuid4().hex)
    shop.sweep()
    assert shop.fresh(payment).refunds_minor == payment.amount_minor
    assert shop.fresh(order).attention_note == ""


@pytest.mark.parametrize(("policy", "parked"), [("accept", True), ("park", True), ("refund", False)])
def test_a_second_payment_obeys_the_policy_but_is_never_accepted(
    shop: Shop, settings: Settings, policy: str, parked: bool
) -> None:
    """There is nothing it could be accepted for; the order stays paid with the other one."""
    settings.LATE_MONEY_POLICY = policy

    order, first = paid_twice(shop)

    assert (order.status, first.status) == (OrderStatus.PAID, Status.SUCCEEDED)
    assert order.paid_with_id != first.pk
    assert order.attention_note.startswith("paid twice") == parked
    assert first.refunds_minor == (0 if parked else first.amount_minor)
    assert (money_back_mails(order), order.refunded_minor) == (0 if parked else 1, 0)
    assert order.notifications.filter(kind=Notification.Kind.ORDER_CONFIRMATION).count() == 1


# --- by a person -----------------------------------------------------------------------------------------------------


@pytest.fixture
def parked(shop: Shop, settings: Settings) -> tuple[Order, Payment]:
    """Late money that waits for a person."""
    settings.LATE_MONEY_POLICY = "park"
    return late(shop, shop.product(stock=3))


def test_a_person_accepts_it(shop: Shop, parked: tuple[Order, Payment]) -> None:
    """The order is taken up again, with its stock; who and why stand in its story."""
    order, payment = parked
    assert late_payments.waiting(order) == [payment]

    late_payments.accept(order.pk, payment.pk, "olga", "she called")
    shop.sweep()

    order = shop.fresh(order)
    assert (order.status, order.paid_with_id, order.attention_note) == (OrderStatus.PAID, payment.pk, "")
    decided = order.events.get(kind=OrderEvent.Kind.DECIDED)
    assert (decided.by, decided.note) == ("olga", f"payment {payment.pk} accepted: she called")
    assert stock_adds_up(Product.objects.get(), 3)
    assert late_payments.waiting(order) == []


def test_nobody_accepts_what_the_stock_is_gone_for(shop: Shop, parked: tuple[Order, Payment]) -> None:
    """Nothing changes: the order still asks for a person."""
    order, payment = parked
    Product.objects.update(stock=0)

    with pytest.raises(CannotDecide, match="sold"):
        late_payments.accept(order.pk, payment.pk, "olga", "she called")

    assert shop.fresh(order).attention_note == order.attention_note != ""
    assert not order.events.filter(kind=OrderEvent.Kind.DECIDED).exists()


@pytest.mark.postgres_too
def test_a_person_gives_it_back(shop: Shop, parked: tuple[Order, Payment]) -> None:
    """Once, whatever is clicked; afterwards there is nothing to accept."""
    order, payment = parked
    key = uuid4().hex

    ids = at_once(*[lambda: late_payments.give_back(order.pk, payment.pk, "olga", "sold out", key).pk] * 3)
    shop.sweep()

    assert len(set(ids)) == 1
    assert shop.fresh(payment).refunds_minor == payment.amount_minor
    assert (shop.fresh(order).attention_note, money_back_mails(order)) == ("", 1)
    with pytest.raises(CannotDecide, match="already"):
        late_payments.accept(order.pk, payment.pk, "olga", "no, keep it")


@pytest.mark.postgres_too
def test_accepting_and_giving_back_at_once_is_one_of_them(shop: Shop, parked: tuple[Order, Payment]) -> None:
    """Two operators with the same order open."""
    order, payment = parked

    def decide(verb: str) -> bool:
        try:
            if verb == "accept":
                late_payments.accept(order.pk, payment.pk, "olga", "she called")
            else:
                late_payments.give_back(order.pk, payment.pk, "boris", "sold out", uuid4().hex)
        except CannotDecide:
            return False
        return True

    assert sorted(at_once(lambda: decide("accept"), lambda: decide("give back"))) == [False, True]
    shop.sweep()
    accepted = shop.fresh(order).status == OrderStatus.PAID
    assert accepted == (shop.fresh(payment).refunds_minor == 0)
    assert stock_adds_up(Product.objects.get(), 3)


def test_a_person_leaves_it_waiting_with_a_reason(shop: Shop, parked: tuple[Order, Payment]) -> None:
    """It goes on asking, in other words."""
    order, payment = parked

    late_payments.keep_parked(order.pk, payment.pk, "olga", "the customer is on holiday")

    assert shop.fresh(order).attention_note == f"payment {payment.pk} waits: the customer is on holiday"
    assert late_payments.waiting(order) == [payment]


def test_money_that_goes_back_is_not_taken_after_all(shop: Shop) -> None:
    """The goods are there again when the refund is settled: the decision stands."""
    espresso = shop.product(stock=3)
    order, payment = late(shop, espresso, stock_is_gone=True)
    late_payments.give_back(order.pk, payment.pk, "olga", "sold out", uuid4().hex)
    Product.objects.update(stock=3)

    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.CANCELED
    assert shop.fresh(payment).refunds_minor == payment.amount_minor


def test_other_money_that_waits_goes_on_asking(shop: Shop, parked: tuple[Order, Payment]) -> None:
    """Two payments came late; one decision is not two."""
    order, payment = parked
    copy = Payment.objects.get(pk=payment.pk)
    copy.pk, copy.provider_ref, copy.idempotency_key = None, "another", uuid4().hex
    copy.save(force_insert=True)

    late_payments.give_back(order.pk, payment.pk, "olga", "sold out", uuid4().hex)

    assert shop.fresh(order).attention_note == f"payment {copy.pk} waits for a decision"


def test_money_on_top_can_only_go_back(shop: Shop) -> None:
    """The order is paid already."""
    order, first = paid_twice(shop)

    with pytest.raises(CannotDecide, match="paid already"):
        late_payments.accept(order.pk, first.pk, "olga", "why not")
    late_payments.give_back(order.pk, first.pk, "olga", "paid twice", uuid4().hex)
    shop.sweep()

    order = shop.fresh(order)
    assert (order.status, order.refunded_minor, order.attention_note) == (OrderStatus.PAID, 0, "")


# --- what refunds do to orders ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("delivered", [False, True])
def test_an_order_whose_money_went_back_is_refunded(shop: Shop, delivered: bool) -> None:
    """Its goods are on the shelf again, unless the customer has them."""
    espresso = shop.product(stock=3)
    order, payment = shop.paid(espresso)
    if delivered:
        orders.mark_delivered(order.pk, "olga")

    shop.refund(payment)
    shop.sweep()

    order = shop.fresh(order)
    assert (order.status, order.refunded_minor, order.is_paid) == (OrderStatus.REFUNDED, order.total_minor, False)
    assert order.refunded_at is not None
    assert shop.fresh(espresso).stock == (2 if delivered else 3)
    assert stock_adds_up(espresso, 3)
    assert money_back_mails(order) == 1
    told = order.notifications.filter(kind=Notification.Kind.STOP_PACKING)
    assert [mail.recipient for mail in told] == ([] if delivered else [espresso.seller.email])


def test_an_order_of_which_a_part_went_back_stays_as_it_is(shop: Shop) -> None:
    """It says how much; each refund is told to the customer; the last one undoes it."""
    espresso = shop.product(stock=3)
    order, payment = shop.paid(espresso)

    for value, status in (("1.00", OrderStatus.PAID), ("0.50", OrderStatus.PAID), ("", OrderStatus.REFUNDED)):
        shop.refund(payment, value)
        shop.sweep()
        assert shop.fresh(order).status == status
        assert stock_adds_up(espresso, 3)

    assert (shop.fresh(order).refunded_minor, money_back_mails(order)) == (450, 3)


def test_a_refund_that_is_on_its_way_changes_nothing_yet(shop: Shop) -> None:
    """And one that fails leaves the order as it was, with a note for a person."""
    shop.sandbox.refunds_start_as("pending")
    order, payment = shop.paid()
    refund = shop.refund(payment)
    shop.sweep()
    assert shop.fresh(order).status == OrderStatus.PAID

    shop.sandbox.force_refund(shop.fresh(refund).provider_ref, "failed", "account_closed")
    shop.follow(refund)
    shop.sweep()

    order = shop.fresh(order)
    assert (order.status, order.refunded_minor, money_back_mails(order)) == (OrderStatus.PAID, 0, 0)
    assert order.attention_note == f"refund {refund.pk} of 4.50 EUR did not go through: account_closed"


def test_a_refunded_order_does_not_come_back(shop: Shop) -> None:
    """Not by events that are settled again, nor by a payment that says again that it succeeded."""
    espresso = shop.product(stock=3)
    order, payment = shop.paid(espresso)
    shop.refund(payment)
    shop.sweep()

    payment.events.update(settle_after=payment.ended_at)
    shop.receive(payment, "payment.again")
    inbox.process_due()
    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.REFUNDED
    assert not orders.mark_delivered(order.pk, "olga")
    assert (stock_adds_up(espresso, 3), money_back_mails(order)) == (True, 1)


def test_the_mail_says_how_much_goes_back(shop: Shop, settings: Settings) -> None:
    """In the customer's language, and whether the order stands."""
    order, payment = shop.paid()
    Order.objects.update(language="ru")
    shop.refund(payment, "1.00")
    shop.sweep()
    shop.refund(payment)
    shop.sweep()

    part, rest = order.notifications.filter(kind=Notification.Kind.MONEY_BACK).order_by("pk")

    assert part.subject == f"Till Coffee: возврат 1,00 €, заказ {order.number}"
    assert "Ваш заказ остаётся в силе." in part.text
    assert "3,50\xa0€" in rest.html
    assert "остаётся в силе" not in rest.text
