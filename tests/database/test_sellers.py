"""Sellers: what they own, and how they hear of what was sold."""

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse

from commerce import orders, settlement
from commerce.errors import NotEnough
from commerce.management.commands.demoshop import DEMO
from commerce.models import Notification, Order, Product, Seller
from tests.shop import CUSTOMER, Shop

pytestmark = pytest.mark.sqlite_is_enough

KIND = Notification.Kind.SELLER_NOTIFICATION


def sold(shop: Shop, *products: Product, **facts: str) -> Order:
    """A paid order for one of each."""
    order, payment = shop.order(*products)
    Order.objects.filter(pk=order.pk).update(**facts)
    shop.buyer(payment, "pay")
    shop.look(payment)
    settlement.settle_due()
    return shop.fresh(order)


def mails(order: Order) -> dict[str, Notification]:
    """What the sellers of the order are told, by their addresses."""
    return {mail.recipient: mail for mail in order.notifications.filter(kind=KIND)}


def test_each_seller_of_an_order_is_told_of_their_own_lines(shop: Shop) -> None:
    """And of nobody else's, in the text as in the HTML."""
    roastery, pottery = shop.seller("roastery"), shop.seller("pottery")
    beans, decaf = (shop.product(slug, seller=roastery) for slug in ("beans", "decaf"))
    mug = shop.product("mug", seller=pottery)

    told = mails(sold(shop, beans, mug, decaf))

    assert set(told) == {roastery.email, pottery.email}
    for part in ("text", "html"):
        to_roastery, to_pottery = (getattr(told[seller.email], part) for seller in (roastery, pottery))
        assert [word in to_roastery for word in ("Beans", "Decaf", "Mug", "Roastery")] == [True, True, False, True]
        assert [word in to_pottery for word in ("Beans", "Decaf", "Mug", "Pottery")] == [False, False, True, True]


def test_a_seller_learns_where_the_goods_go_and_no_more(shop: Shop) -> None:
    """Neither the customer's mail address, nor what opens the customer's page."""
    order = sold(shop, name="Ann Doe", address="1 Main Street")

    [told] = mails(order).values()
    for part in (told.subject + told.text, told.html):
        assert "Ann Doe" in part
        assert "1 Main Street" in part
        assert CUSTOMER.email not in part
        assert order.public_id not in part


def test_a_seller_reads_their_own_language(shop: Shop) -> None:
    """Whatever language the customer speaks."""
    order = sold(shop, shop.product(seller=shop.seller("anna", language="ru")), language="en")

    [told] = mails(order).values()
    assert "соберите" in told.subject


def test_sellers_are_told_in_the_transaction_that_marks_the_order_paid(shop: Shop) -> None:
    """Both are there, or neither is: a mail that cannot be written down takes the payment's effects with it, which come
    again."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.look(payment)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE commerce_seller RENAME TO away")
        settlement.settle_due()
        cursor.execute("ALTER TABLE away RENAME TO commerce_seller")

    assert (shop.fresh(order).awaits_payment, order.notifications.count()) == (True, 0)
    settlement.SETTLEMENT_QUEUE.model.objects.filter(settle_after__isnull=False).update(
        claims=0, settle_after=order.placed_at
    )
    settlement.settle_due()
    assert (shop.fresh(order).status, len(mails(order))) == ("paid", 1)


def test_an_unpaid_order_tells_nobody(shop: Shop) -> None:
    """Not when it is placed, not when it is cancelled."""
    order, payment = shop.order()
    assert mails(order) == {}

    shop.buyer(payment, "cancel")
    shop.sweep_now(payment)
    assert mails(order) == {}


def test_a_hostile_name_stays_text(shop: Shop) -> None:
    """In the seller's mail as well."""
    seller = shop.seller("mallory", name="<script>alert(1)</script>")
    order = sold(shop, shop.product(seller=seller), name="<img src=x>", address="<b>here</b>")

    [told] = mails(order).values()
    assert not any(tag in told.html for tag in ("<script", "<img", "<b>"))
    assert "<b>here</b>" in told.text


def test_two_sellers_do_not_share_an_address(shop: Shop) -> None:
    """There is one mail per order and recipient; the database keeps the rule."""
    seller = shop.seller()

    with pytest.raises(IntegrityError):
        Seller.objects.create(name="Other", email=seller.email)


def test_a_seller_with_goods_cannot_be_deleted(shop: Shop) -> None:
    """Old orders lead to them."""
    with pytest.raises(ProtectedError):
        shop.product().seller.delete()


def test_goods_of_an_inactive_seller_are_not_for_sale(shop: Shop, client: Client) -> None:
    """Not shown, not put into a cart, and not ordered from one in which they are already."""
    seller = shop.seller()
    espresso = shop.product(seller=seller)
    cart = shop.cart(espresso)
    Seller.objects.update(active=False)

    assert "Espresso" not in client.get("/").content.decode()
    assert client.post(reverse("cart-add"), {"product": espresso.pk}).status_code == 404
    with pytest.raises(NotEnough):
        orders.place(cart, CUSTOMER)
    assert shop.fresh(espresso).stock == 10


def test_the_demonstration_shop_has_sellers(shop: Shop) -> None:
    """Every product has one, and starting again makes no others."""
    call_command("demoshop", quiet=True)
    call_command("demoshop", quiet=True)

    assert set(Seller.objects.values_list("email", flat=True)) == set(DEMO["sellers"])
    assert {product.slug: product.seller.email for product in Product.objects.all()} == {
        goods["slug"]: goods["seller"] for goods in DEMO["products"]
    }
