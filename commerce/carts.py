"""Carts: filled, changed, and merged when their visitor logs in.

Whoever writes to a cart locks its row first. So the nightly cleanup, which locks it too, never takes away a cart that
somebody is filling, and nobody fills a cart that has just been taken away.
"""

import logging
from collections.abc import Sequence

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from billing.money import Money
from commerce.models import Cart, CartItem, Obstacle, Order, Product

log = logging.getLogger(__name__)

MOST_OF_ONE = 99
"""So many of one product fit into a cart; enough for an office, and no number that breaks a page."""


class CartGone(Exception):
    """The cart was tidied away, or merged into another one, since the visitor's request found it."""


def add(cart: Cart, product: Product, quantity: int = 1) -> None:
    """Put some more of the product into the cart, up to MOST_OF_ONE. Raises CartGone."""
    with transaction.atomic():
        touch(cart)
        item, new = CartItem.objects.get_or_create(cart=cart, product=product, defaults={"quantity": quantity})
        if not new:
            CartItem.objects.filter(pk=item.pk).update(quantity=F("quantity") + quantity)
        CartItem.objects.filter(pk=item.pk, quantity__gt=MOST_OF_ONE).update(quantity=MOST_OF_ONE)


def set_quantity(cart: Cart, product_id: int, quantity: int) -> None:
    """Change how many are in the cart; none takes the product out. Raises CartGone."""
    with transaction.atomic():
        touch(cart)
        item = cart.items.filter(product_id=product_id)
        item.update(quantity=min(quantity, MOST_OF_ONE)) if quantity > 0 else item.delete()


def touch(cart: Cart) -> None:
    """Lock the cart and note that it is in use; to be called inside a transaction. Raises CartGone."""
    if not Cart.objects.filter(pk=cart.pk).update(changed_at=timezone.now()):
        raise CartGone(cart.pk)


def merge(visitors_cart_id: int | None, customer: AbstractBaseUser) -> None:
    """Make what the visitor had put aside part of the customer's cart; the anonymous cart is gone afterwards.

    Quantities add up, to MOST_OF_ONE. A customer without a cart simply takes the visitor's over. Carts of others are
    left alone, whatever the session claims.
    """
    try:
        with transaction.atomic():
            _merge(visitors_cart_id, customer)
    except IntegrityError:
        # Another login of the same customer has brought a cart meanwhile: then there is one to merge with.
        with transaction.atomic():
            _merge(visitors_cart_id, customer)


def items(cart: Cart | None) -> list[CartItem]:
    """What is in the cart, with the products and their sellers, in one query."""
    return list(cart.items.select_related("product__seller")) if cart else []


def can_be_ordered(items: Sequence[CartItem]) -> bool:
    """Is every line to be had, as far as the stock of now can tell? Placing the order looks again, under lock."""
    return all(item.obstacle == Obstacle.NONE for item in items)


def total(items: Sequence[CartItem]) -> Money | None:
    """What it all costs at the catalogue's prices of now; None for an empty cart, or one in several currencies."""
    currencies = {item.product.currency for item in items}
    if len(currencies) != 1:
        return None
    return Money(sum(item.total.minor for item in items), currencies.pop())


def _merge(visitors_cart_id: int | None, customer: AbstractBaseUser) -> None:
    ours = Q(customer_id=customer.pk) | Q(pk=visitors_cart_id or 0, customer__isnull=True)
    locked = list(Cart.objects.select_for_update().filter(ours).order_by("pk"))
    own = next((cart for cart in locked if cart.customer_id), None)
    visitors = next((cart for cart in locked if not cart.customer_id), None)
    if visitors is None:
        return
    if own is None:
        visitors.customer_id = customer.pk
        visitors.save(update_fields=["customer", "changed_at"])
        return
    _pour(visitors, own)
    touch(own)
    visitors.delete()
    transaction.on_commit(lambda: log.info("cart.merged", extra={"cart": own.pk}))


def _pour(source: Cart, target: Cart) -> None:
    """Both are locked. Orders remember the cart they are in now."""
    there = {item.product_id: item for item in target.items.all()}
    for item in source.items.all():
        same = there.get(item.product_id)
        if same is None:
            CartItem.objects.filter(pk=item.pk).update(cart=target)
        else:
            together = min(same.quantity + item.quantity, MOST_OF_ONE)
            CartItem.objects.filter(pk=same.pk).update(quantity=together)
    Order.objects.filter(cart=source).update(cart=target)
