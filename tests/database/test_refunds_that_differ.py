"""Refunds of which the provider knows another sum: a person compares, and says that it was seen to."""

import pytest

from billing.models import Attention, Payment
from billing.payments import mismatches
from billing.payments.mismatches import CannotDecide
from billing.refunds import service as refunds
from billing.states import Status
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough


@pytest.fixture
def differing(shop: Shop) -> Payment:
    """4.50 EUR came, and the provider says that more than that went back."""
    _, payment = shop.paid()
    refunds.notice(payment.pk, 9_999)
    return shop.fresh(payment)


def test_a_person_has_seen_to_it(shop: Shop, differing: Payment) -> None:
    """Nobody is called any more; who said so and why stay on the row, and our books stay as they are."""
    events = differing.events.count()
    assert differing.attention == Attention.REFUNDS_DIFFER

    noted = mismatches.note_difference(differing.pk, "olga", "booked twice in their pages")

    payment = shop.fresh(differing)
    assert (noted.pk, payment.attention) == (payment.pk, "")
    assert (payment.decided_by, payment.decided_why) == ("olga", "booked twice in their pages")
    assert (payment.status, payment.refunds_minor, payment.ended_at) == (Status.SUCCEEDED, 0, differing.ended_at)
    assert (payment.found_by, payment.events.count()) == (differing.found_by, events)


@pytest.mark.parametrize("attention", [Attention.NONE, Attention.MISMATCH])
def test_where_no_refunds_differ_there_is_nothing_to_note(shop: Shop, differing: Payment, attention: Attention) -> None:
    """Whatever else a person is called for is decided elsewhere."""
    Payment.objects.filter(pk=differing.pk).update(attention=attention)

    with pytest.raises(CannotDecide, match="do not differ"):
        mismatches.note_difference(differing.pk, "olga", "a mistake")

    assert (shop.fresh(differing).attention, shop.fresh(differing).decided_by) == (attention, "")


def test_a_payment_that_is_being_followed_is_not_ended_by_a_note(shop: Shop) -> None:
    """Its next look compares once more."""
    _, payment = shop.order()
    refunds.notice(payment.pk, 100)
    assert shop.fresh(payment).attention == Attention.REFUNDS_DIFFER

    with pytest.raises(CannotDecide, match="still being followed"):
        mismatches.note_difference(payment.pk, "olga", "a mistake")

    payment = shop.fresh(payment)
    assert (payment.status, payment.attention) == (Status.PENDING, Attention.REFUNDS_DIFFER)
    assert payment.next_check_at is not None
