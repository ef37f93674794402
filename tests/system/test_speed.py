"""How soon a customer sees that the money has come."""

import time

import pytest

from tests.stack.ports import wait_until
from tests.system.house import FAST_TRACK_INTERVAL_S, House, Placed


@pytest.mark.alone
def test_from_paid_to_shown(full_house: House) -> None:
    """A payment is shown within a second of the provider's callback, and without one within a step of its track."""
    with_callback, without = full_house.place(2)
    assert full_house.state(with_callback) == "pay"

    assert seconds_until_shown(full_house, with_callback) < 1
    full_house.provider.callbacks(lose_all=True)
    assert seconds_until_shown(full_house, without) < FAST_TRACK_INTERVAL_S + 2

    assert 'data-status="paid"' in full_house.page(f"/orders/{without.public_id}/").text
    full_house.wait_until_settled([with_callback, without])
    full_house.assert_paid_and_mailed_once([with_callback, without])


def seconds_until_shown(house: House, order: Placed) -> float:
    """From the click on the provider's page to the order's page."""
    started = time.monotonic()
    house.pay([order])
    wait_until(lambda: house.state(order) == "paid", "the page said paid", timeout_s=20, pause_s=0.01)
    return time.monotonic() - started
