"""Two people, or a person and a worker, at the same money in the same moment: one wins, and the books agree."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from uuid import uuid4

import pytest
from django.db.models import Q

from billing.models import AskedBy, Payment, Refund
from billing.payments import mismatches, sweep
from billing.payments.check import CHECK_QUEUE
from billing.payments.service import PaymentUnresolved
from billing.refunds import follow
from billing.refunds import service as refunds
from billing.refunds.service import CannotRefund
from billing.sandbox.messages import Refused
from commerce import orders, settlement
from commerce.errors import NotEnough
from commerce.models import Order, Product
from config.due.queue import database_now
from tests.money.beginnings import begin
from tests.money.scene import end_quietly
from tests.money.world import World
from tests.threads import at_once

ROUNDS = range(5)


def order_of(payment: Payment) -> Order:
    """As it stands now."""
    return Order.objects.get(public_id=payment.reference)


def looks(payment: Payment) -> bool:
    """A worker is told to look now."""
    CHECK_QUEUE.make_due(Q(pk=payment.pk), AskedBy.OPERATOR)
    return sweep.check_one(payment.pk)


def tries(work: Callable[[], object], *refusals: type[Exception]) -> bool:
    """Whether it was done, or refused."""
    with suppress(*refusals):
        return work() not in (None, False)
    return False


def test_a_customer_who_cancels_while_they_pay(world: World) -> None:
    """Either the money came and the order is paid, or it did not and the order is cancelled."""
    for _ in ROUNDS:
        payment = begin(world, "pending")
        at_once(
            partial(orders.cancel, payment.reference),
            partial(tries, partial(world.sandbox.act, payment.provider_ref, "pay"), Refused),
            partial(looks, payment),
        )

    end_quietly(world)
    for order in Order.objects.all():
        paid = Payment.objects.filter(reference=order.public_id, status="succeeded").exists()
        assert order.status == ("paid" if paid else "canceled")


def test_another_try_to_pay_while_the_order_expires(world: World) -> None:
    """The order has ended, or it has a payment: never both."""
    for _ in ROUNDS:
        payment = begin(world, "refused")
        Order.objects.filter(public_id=payment.reference).update(expires_at=database_now())
        began, expired = at_once(
            partial(tries, partial(orders.pay_again, payment.reference), PaymentUnresolved),
            lambda: orders.expire_due() == 1 and not order_of(payment).awaits_payment,  # noqa: B023 (called at once)
        )
        assert (began, expired) in [(True, False), (False, True)]

    end_quietly(world)


def test_two_operators_who_decide_differently_about_another_sum(world: World) -> None:
    """The first decision stands."""
    for _ in ROUNDS:
        payment = begin(world, "pending")
        world.sandbox.force(payment.provider_ref, "succeeded", amount={"value": "1.00", "currency": "EUR"})
        looks(payment)
        refusals = mismatches.CannotDecide, CannotRefund
        give_back = partial(mismatches.give_back, payment.pk, "sam", "not our price", uuid4().hex)
        accepted, given_back = at_once(
            partial(tries, partial(mismatches.accept, payment.pk, "olga", "close enough"), *refusals),
            partial(tries, give_back, *refusals),
        )
        # What was accepted may be given back after that, but not the other way round.
        assert given_back or accepted
        assert Payment.objects.get(pk=payment.pk).status == ("succeeded" if accepted else "failed")

    end_quietly(world)


def test_refunds_here_and_in_the_providers_pages(world: World) -> None:
    """Both want all of it: what goes back is never more than came, and the loser is told."""
    for _ in ROUNDS:
        payment = begin(world, "paid")
        whole = world.sandbox.ledger.find(payment.provider_ref).amount.as_json()

        def by_hand(payment: Payment = payment, whole: dict[str, str] = whole) -> bool:
            made = world.sandbox.refund(payment.provider_ref, whole)
            world.by_hand.add(made["id"])
            return refunds.notice(payment.pk, payment.amount_minor) is not None

        def by_us(payment: Payment = payment) -> bool:
            return follow.follow_one(world.shop.refund(payment).pk)

        at_once(partial(tries, by_hand, Refused), partial(tries, by_us, CannotRefund))

    end_quietly(world)
    for payment in Payment.objects.filter(status="succeeded"):
        assert Refund.objects.filter(payment=payment, status="succeeded").count() == 1
        assert order_of(payment).status == "refunded"


def test_goods_that_are_delivered_while_the_money_goes_back(world: World) -> None:
    """They are on the shelf again, or the customer has them."""
    for _ in ROUNDS:
        payment = begin(world, "paid")
        follow.follow_one(world.shop.refund(payment).pk)
        order = order_of(payment)
        at_once(partial(orders.mark_delivered, order.pk, "sam"), lambda: settlement.settle_due() > 0)

    end_quietly(world)
    assert set(Order.objects.values_list("status", flat=True)) == {"refunded"}


@pytest.mark.parametrize("late", ["called off", "expired"])
def test_late_money_and_a_new_customer_want_the_last_one(world: World, late: str) -> None:
    """One of them gets it, and a person hears of the other's money."""
    for _ in ROUNDS:
        payment = begin(world, late)
        quantity = order_of(payment).lines.get().quantity
        world.sandbox.force(payment.provider_ref, "succeeded")
        world.post(world.sandbox.ledger.find(payment.provider_ref), "payment.succeeded")
        world.process_callbacks()
        shelf = Product.objects.filter(pk=world.product.pk)
        kept = shelf.get().stock
        shelf.update(stock=quantity)
        bought, _settled = at_once(
            partial(tries, partial(world.place, quantity), NotEnough), lambda: settlement.settle_due() > 0
        )
        assert (order_of(payment).status == "paid") != bought
        shelf.update(stock=kept - quantity)

    end_quietly(world)
