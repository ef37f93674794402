"""What a customer sees of money that went back, and what the nightly cleanup leaves alone because of it."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse

from billing.models import Payment
from commerce import orders, pruning
from commerce.models import Cart, Order, OrderEvent
from commerce.timeline import timeline
from tests.shop import Shop, with_mail

pytestmark = pytest.mark.sqlite_is_enough


def page(client: Client, name: str, order: Order) -> str:
    """One of the order's pages."""
    answer = with_mail(client, order).get(reverse(name, args=[order.public_id]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_refunded_order_says_so(shop: Shop, client: Client) -> None:
    """On its page, in what the page asks for by itself, and on the receipt, which is still there."""
    order, payment = shop.paid()
    shop.refund(payment)
    shop.sweep()

    told = client.get(reverse("order-state", args=[order.public_id])).json()
    assert told == {"state": "refunded", "advice": "", "final": True}
    shown = page(client, "order", order)
    assert 'data-status="refunded"' in shown
    assert "All of the money was refunded." in shown
    assert "Refunded" in page(client, "order-receipt", order)


def test_a_part_that_went_back_is_shown(shop: Shop, client: Client) -> None:
    """The order is paid as before."""
    order, payment = shop.paid()
    assert "Refunded" not in page(client, "order", order)
    shop.refund(payment, "1.00")
    shop.sweep()

    shown = page(client, "order", order)
    assert 'data-status="paid"' in shown
    assert "€1.00 was refunded." in shown
    assert "olga" not in shown, "who wanted it, and why, is the shop's business"
    assert "cold coffee" not in shown


def test_a_refunded_order_is_neither_paid_again_nor_cancelled(shop: Shop, client: Client) -> None:
    """It has come to its end."""
    order, payment = shop.paid()
    shop.refund(payment)
    shop.sweep()

    for name in ("order-pay", "order-cancel"):
        assert with_mail(client, order).post(reverse(name, args=[order.public_id])).status_code == 302
    assert Payment.objects.count() == 1
    assert not OrderEvent.objects.filter(kind=OrderEvent.Kind.CANCEL_ASKED).exists()


def test_the_story_tells_the_shop_everything(shop: Shop) -> None:
    """Who wanted it, why, what came of it; and a failure is trouble."""
    order, payment = shop.paid()
    orders.mark_delivered(order.pk, "boris")
    shop.refund(payment, "1.00")
    shop.sweep()
    shop.sandbox.refunds_start_as("failed")
    shop.refund(payment, "2.00")
    shop.sweep()

    story = timeline(shop.fresh(order))
    texts = [entry.text for entry in story]
    assert "olga requested a refund of €1.00: cold coffee." in texts
    assert "€1.00 was refunded." in texts
    assert next(entry.text for entry in story if entry.trouble).startswith("€2.00 could not be refunded")
    assert texts.count("The money has arrived. (Seen when the shop's staff checked it.)") == 1


@pytest.mark.parametrize("on_its_way", [True, False])
def test_a_cart_stays_while_money_is_on_its_way_back(shop: Shop, on_its_way: bool) -> None:
    """However old; afterwards nothing needs it."""
    shop.sandbox.refunds_start_as("pending" if on_its_way else "succeeded")
    _, payment = shop.paid()
    shop.refund(payment)
    shop.sweep()
    year = timedelta(days=365)
    Cart.objects.update(changed_at=F("changed_at") - year)
    Payment.objects.update(ended_at=F("ended_at") - year)

    pruning.cleanup_old_carts(5)

    assert Cart.objects.exists() == on_its_way
