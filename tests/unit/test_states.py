"""The rows of payments, refunds and orders follow each arrow that is drawn, and are refused every other one."""

from datetime import UTC, datetime

import pytest

from billing import states
from billing.models import Payment, Refund
from billing.states import PAYMENT_ARROWS, REFUND_ARROWS, ForbiddenArrow, RefundStatus, Status
from commerce.models import Order, OrderStatus
from commerce.models import order as orders

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

FROZEN_ORDER_ARROWS = {
    ("awaiting_payment", "paid"),
    ("awaiting_payment", "canceled"),
    ("awaiting_payment", "expired"),
    ("canceled", "paid"),
    ("expired", "paid"),
    ("paid", "delivered"),
    ("paid", "refunded"),
    ("delivered", "refunded"),
}

ALLOWED_PAYMENT_ARROWS = [
    (source, target) for source in Status for target in Status if target in PAYMENT_ARROWS[source]
]
REFUSED_PAYMENT_ARROWS = [
    (source, target) for source in Status for target in Status if target not in PAYMENT_ARROWS[source]
]
ALLOWED_ORDER_ARROWS = [
    (source, target) for source in OrderStatus for target in OrderStatus if target in orders.ORDER_ARROWS[source]
]
REFUSED_ORDER_ARROWS = [
    (source, target) for source in OrderStatus for target in OrderStatus if target not in orders.ORDER_ARROWS[source]
]


def _name(status: object) -> str:
    return str(status)


# --- payments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "target"), ALLOWED_PAYMENT_ARROWS, ids=_name)
def test_a_payment_follows_the_arrow(source: Status, target: Status) -> None:
    """Each arrow that is drawn can be followed."""
    payment = Payment(status=source)

    payment.move(target)

    assert payment.status == target


@pytest.mark.parametrize(("source", "target"), REFUSED_PAYMENT_ARROWS, ids=_name)
def test_a_payment_goes_no_other_way(source: Status, target: Status) -> None:
    """Where no arrow is drawn nothing moves, and the error names both states."""
    payment = Payment(status=source)

    with pytest.raises(ForbiddenArrow, match=f"from {source} to {target}"):
        payment.move(target)

    assert payment.status == source


@pytest.mark.parametrize("status", Status, ids=_name)
def test_the_drawing_names_every_state(status: Status) -> None:
    """The picture at the top of the file is complete."""
    assert status.value in _drawing(states.__doc__)


# --- refunds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", RefundStatus, ids=_name)
@pytest.mark.parametrize("source", RefundStatus, ids=_name)
def test_a_refund_goes_only_where_an_arrow_leads(source: RefundStatus, target: RefundStatus) -> None:
    """The row follows each arrow, and no other."""
    refund = Refund(status=source)

    if target in REFUND_ARROWS[source]:
        refund.move(target)
        assert refund.status == target
    else:
        with pytest.raises(ForbiddenArrow, match=f"a refund does not go from {source} to {target}"):
            refund.move(target)
        assert refund.status == source


# --- orders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "target"), ALLOWED_ORDER_ARROWS, ids=_name)
def test_an_order_follows_the_arrow(source: OrderStatus, target: OrderStatus) -> None:
    """An order that has ended says when, and has nothing left to do; one that is delivered had ended before."""
    order = Order(status=source, expires_at=NOW, claims=2)

    _follow(order, target)

    if target in (OrderStatus.DELIVERED, OrderStatus.REFUNDED):
        moment = order.delivered_at if target == OrderStatus.DELIVERED else order.refunded_at
        assert (order.status, moment, order.ended_at) == (target, NOW, None)
        return
    assert (order.status, order.ended_at, order.expires_at, order.claims) == (target, NOW, None, 0)
    assert order.delivered_at is None


@pytest.mark.parametrize(("source", "target"), REFUSED_ORDER_ARROWS, ids=_name)
def test_an_order_goes_no_other_way(source: OrderStatus, target: OrderStatus) -> None:
    """Where no arrow is drawn the order stays as it is."""
    order = Order(status=source, expires_at=NOW, claims=2)

    with pytest.raises(orders.ForbiddenArrow, match=f"from {source} to {target}"):
        _follow(order, target)

    assert (order.status, order.ended_at, order.expires_at, order.claims) == (source, None, NOW, 2)
    assert (order.delivered_at, order.refunded_at) == (None, None)


def _follow(order: Order, target: OrderStatus) -> None:
    """By the verb that leads there."""
    match target:
        case OrderStatus.DELIVERED:
            order.deliver(NOW)
        case OrderStatus.REFUNDED:
            order.refund(NOW)
        case _:
            order.end(target, NOW)


def test_the_arrows_of_orders_are_those_that_were_agreed_on() -> None:
    """Only a full refund undoes a paid order; any other can still be paid, if money comes late."""
    assert {(str(source), str(target)) for source, target in ALLOWED_ORDER_ARROWS} == FROZEN_ORDER_ARROWS


@pytest.mark.parametrize("status", OrderStatus, ids=_name)
def test_the_drawing_of_orders_names_every_state(status: OrderStatus) -> None:
    """The picture at the top of the file is complete."""
    assert status.value in _drawing(orders.__doc__)


def _drawing(docstring: str | None) -> str:
    """The indented lines: what is drawn, not what is said about it."""
    return "\n".join(line for line in (docstring or "").splitlines() if line.startswith("    "))
