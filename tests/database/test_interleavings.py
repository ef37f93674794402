"""Poll, callback and the customer's return, in every order: one transition, one confirmation."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import pytest
from django.db import connection

from billing.callbacks import inbox
from billing.models import AskedBy, Payment, PaymentEvent
from billing.payments import service as payments
from billing.payments.check import CHECK_QUEUE, CheckResult, check, record
from billing.sandbox import SandboxServer
from commerce.models import Notification, Order
from config.due.queue import database_now
from tests.shop import Shop, signed

Step = Callable[[], object]


class Looker:
    """Somebody who looks at the payment in two steps: claim and ask, then write."""

    def __init__(self, payment: Payment) -> None:
        self.payment = payment
        self.found: CheckResult | None = None

    def ask(self) -> None:
        claimed = CHECK_QUEUE.claim_one(self.payment.pk)
        self.found = check(claimed, database_now()) if claimed else None

    def write(self) -> None:
        if self.found:
            record([self.found])


def schedule(_shop: Shop, payment: Payment) -> list[Step]:
    """The sweep: due because its time has come."""
    looker = Looker(payment)
    return [looker.ask, looker.write]


def callback(shop: Shop, payment: Payment) -> list[Step]:
    """The provider's callback, through its view's domain call and its actor."""
    looker, body = Looker(payment), shop.callback(payment)
    return [lambda: inbox.process(inbox.receive("sandbox", signed(body)).pk), looker.ask, looker.write]


def customers_return(_shop: Shop, payment: Payment) -> list[Step]:
    """The customer comes back to the shop."""
    looker = Looker(payment)
    return [lambda: payments.check_reference_now(payment.reference, AskedBy.RETURN), looker.ask, looker.write]


def merges(lengths: list[int]) -> Iterator[list[int]]:
    """Every way to interleave sequences of these lengths, as the numbers of the sequences in turn.

    >>> [list(order) for order in merges([1, 2])]
    [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    """
    if len(lengths) == 1:
        yield [0] * lengths[0]
        return
    total = sum(lengths)
    for places in combinations(range(total), lengths[0]):
        for rest in merges(lengths[1:]):
            others = iter(rest)
            yield [0 if place in places else next(others) + 1 for place in range(total)]


ORDERS = list(merges([2, 3, 3]))
PARTS = 8
"""`make test` plays one part of them, `make campaigns` all."""


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.campaign) for part in range(1, PARTS))])
def test_every_order_of_poll_callback_and_return_gives_one_transition(shop: Shop, part: int) -> None:
    """All 560 interleavings of claiming, asking and writing end in the same books."""
    product = shop.product(stock=len(ORDERS))
    for order in ORDERS[part::PARTS]:
        placed, payment = shop.order(product)
        shop.buyer(payment, "pay")
        Payment.objects.filter(pk=payment.pk).update(next_check_at=database_now())
        _play(order, shop, payment)
        shop.sweep()
        _assert_paid_once(placed, payment, order)


def test_threads_that_look_at_once_give_one_transition(shop: Shop) -> None:
    """The same with real threads, and with the scheduler's order instead of ours."""
    product = shop.product(stock=20)
    for _ in range(20):
        placed, payment = shop.order(product)
        shop.buyer(payment, "pay")
        Payment.objects.filter(pk=payment.pk).update(next_check_at=database_now())
        with ThreadPoolExecutor(3) as pool:
            for done in [pool.submit(_run, who(shop, payment)) for who in (schedule, callback, customers_return)]:
                done.result()
        shop.sweep()
        _assert_paid_once(placed, payment, "threads")


@pytest.mark.parametrize("late", ["cancel", "decline"])
def test_a_later_failure_never_undoes_success(shop: Shop, sandbox: SandboxServer, late: str) -> None:
    """Success stays, whatever is reported after it."""
    placed, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)

    sandbox.force(payment.provider_ref, {"cancel": "canceled", "decline": "failed"}[late])
    shop.receive(payment, f"payment.{late}")
    shop.sweep()

    _assert_paid_once(placed, payment, late)


def _play(order: list[int], shop: Shop, payment: Payment) -> None:
    steps = [iter(who(shop, payment)) for who in (schedule, callback, customers_return)]
    for number in order:
        next(steps[number])()


def _run(steps: list[Step]) -> None:
    try:
        for step in steps:
            step()
    finally:
        connection.close()


def _assert_paid_once(order: Order, payment: Payment, why: object) -> None:
    assert Order.objects.get(pk=order.pk).status == "paid", why
    assert PaymentEvent.objects.filter(payment=payment, target="succeeded").count() == 1, why
    assert PaymentEvent.objects.filter(payment=payment).count() == 2, why
    assert Notification.objects.filter(order=order).count() == 2, why
