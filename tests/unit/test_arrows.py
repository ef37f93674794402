"""The tables of states and arrows by themselves: nothing here needs Django set up, so that it is quick to repeat."""

from itertools import product

import pytest

from billing.states import (
    END_REFUND_STATES,
    END_STATES,
    OPEN_REFUND_STATES,
    OPEN_STATES,
    PAYMENT_ARROWS,
    REFUND_ARROWS,
    UNPAID_END_STATES,
    ForbiddenArrow,
    RefundStatus,
    Status,
    check_arrow,
)

FROZEN_PAYMENT_ARROWS = {
    ("created", "pending"),
    ("created", "authorized"),
    ("created", "succeeded"),
    ("created", "canceled"),
    ("created", "expired"),
    ("created", "failed"),
    ("pending", "authorized"),
    ("pending", "succeeded"),
    ("pending", "canceled"),
    ("pending", "expired"),
    ("pending", "failed"),
    ("authorized", "succeeded"),
    ("authorized", "canceled"),
    ("authorized", "expired"),
    ("authorized", "failed"),
    ("canceled", "succeeded"),
    ("expired", "succeeded"),
    ("failed", "succeeded"),
}
"""Written by hand: an arrow that is added to the code or taken from it has to be added or taken here too."""

FROZEN_REFUND_ARROWS = {
    ("created", "pending"),
    ("created", "succeeded"),
    ("created", "canceled"),
    ("created", "failed"),
    ("pending", "succeeded"),
    ("pending", "canceled"),
    ("pending", "failed"),
    ("succeeded", "failed"),
}


@pytest.mark.parametrize(("source", "target"), [*product(Status, Status)])
def test_the_arrows_of_payments_are_those_that_were_agreed_on(source: Status, target: Status) -> None:
    """A changed arrow is a decision about money: it has to be made in two places."""
    if (source, target) in FROZEN_PAYMENT_ARROWS:
        check_arrow("payment", PAYMENT_ARROWS, source, target)
    else:
        with pytest.raises(ForbiddenArrow, match=f"a payment does not go from {source} to {target}"):
            check_arrow("payment", PAYMENT_ARROWS, source, target)


@pytest.mark.parametrize(("source", "target"), [*product(RefundStatus, RefundStatus)])
def test_the_arrows_of_refunds_are_those_that_were_agreed_on(source: RefundStatus, target: RefundStatus) -> None:
    """Each arrow can be followed, and every other one is refused."""
    if (source, target) in FROZEN_REFUND_ARROWS:
        check_arrow("refund", REFUND_ARROWS, source, target)
    else:
        with pytest.raises(ForbiddenArrow, match=f"a refund does not go from {source} to {target}"):
            check_arrow("refund", REFUND_ARROWS, source, target)


def test_nothing_undoes_success() -> None:
    """A later failure never takes a success back."""
    assert not PAYMENT_ARROWS[Status.SUCCEEDED]


def test_late_money_is_always_noticed() -> None:
    """Success can be reached from every other state."""
    assert all(Status.SUCCEEDED in PAYMENT_ARROWS[status] for status in Status if status != Status.SUCCEEDED)


def test_a_payment_never_returns_to_a_state_without_outcome() -> None:
    """What has come to an end does not become open again, and nobody forgets that the provider knows a payment."""
    assert all(not PAYMENT_ARROWS[status] & OPEN_STATES for status in END_STATES)
    assert not any(Status.CREATED in targets for targets in PAYMENT_ARROWS.values())


def test_every_state_is_open_or_an_end() -> None:
    """The two kinds leave no state out and share none."""
    assert set(Status) == OPEN_STATES | END_STATES
    assert not OPEN_STATES & END_STATES
    assert END_STATES.difference(UNPAID_END_STATES) == {Status.SUCCEEDED}
    assert {Status.CANCELED, Status.EXPIRED, Status.FAILED} == UNPAID_END_STATES


def test_every_state_of_a_refund_is_open_or_an_end() -> None:
    """Nothing leads out of an end, but for a bank that returns the money."""
    assert {RefundStatus.CREATED, RefundStatus.PENDING} == OPEN_REFUND_STATES
    assert {RefundStatus.SUCCEEDED, RefundStatus.CANCELED, RefundStatus.FAILED} == END_REFUND_STATES
    assert REFUND_ARROWS[RefundStatus.SUCCEEDED] == {RefundStatus.FAILED}
    assert not any(REFUND_ARROWS[status] for status in (RefundStatus.CANCELED, RefundStatus.FAILED))
