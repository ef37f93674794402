"""How soon a customer sees that the money has come."""

import pytest

from tests.stopwatch import assert_quick, seconds_until
from tests.system.house import FAST_TRACK_INTERVAL_S, House, Placed


@pytest.mark.alone
def test_from_paid_to_shown(full_house: House) -> None:
    """A payment is shown within a second of the provider's callback, and without one within a step of its track."""
    with_callback, without = full_house.place(2)
    assert full_house.state(with_callback) == "pay"

    told_s = seconds_until_shown(full_house, with_callback)
    full_house.provider.callbacks(lose_all=True)
    found_s = seconds_until_shown(full_house, without)

    assert 'data-status="paid"' in full_house.page(f"/orders/{without.public_id}/").text
    full_house.wait_until_settled([with_callback, without])
    full_house.assert_paid_and_mailed_once([with_callback, without])
    assert_quick(told_s, 1, "showing what a callback told")
    assert_quick(found_s, FAST_TRACK_INTERVAL_S + 2, "showing what was found by asking")


def seconds_until_shown(house: House, order: Placed) -> float:
    """From the provider's answer to the click on its page, to the order's page."""
    house.pay([order])
    return seconds_until(lambda: house.state(order) == "paid", "the page said paid")
