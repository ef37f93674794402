"""Fills and changes carts, and merges them when a visitor logs in.

Every change locks the cart's row first, and so does the nightly cleanup. So the cleanup never deletes a cart in use,
and a deleted cart is never filled.
"""

import logging
from collections.abc import Sequence

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from billing.money import Money
from commerce.errors import NotEnough, NotSold
from commerce.models import Cart, CartItem, Obstacle, Order, OrderLine, Product

log = logging.getLogger(__name__)

MAX_QUANTITY = 99
"""Largest quantity of one product in a cart: enough for an office, and short enough for the pages."""


class CartGone(Exception):
    """The cart was deleted, or merged into another one, since the request read it."""


def add(cart: Cart, product: Product, quantity: int = 1) -> None:
    """Add a quantity of the product, up to MAX_QUANTITY in total. Raises CartGone."""
    with transaction.atomic():
        touch(cart)
        item, new = CartItem.objects.get_or_create(cart=cart, product=product, defaults={"quantity": quantity})
        if not new:
            CartItem.objects.filter(pk=item.pk).update(quantity=F("quantity") + quantity)
        CartItem.objects.filter(pk=item.pk, quantity__gt=MAX_QUANTITY).update(quantity=MAX_QUANTITY)


def fill(cart: Cart, lines: Sequence[OrderLine]) -> list[NotEnough]:
    """Put an order's products into the cart as far as they can be ordered now; returns what is missing.

    The cart has at least the line's quantity afterwards, so a second click adds nothing. Raises CartGone.
    """
    missing: list[NotEnough] = []
    with transaction.atomic():
        touch(cart)
        quantities = dict(cart.items.values_list("product_id", "quantity"))
        for line in lines:
            left = line.product.stock if line.product.for_sale else 0
            if left < line.quantity:
                title = line.product.title
                missing.append(NotEnough(title, left) if line.product.for_sale else NotSold(title))
            quantity = max(quantities.get(line.product_id, 0), min(left, line.quantity))
            if quantity:
                cart.items.update_or_create(product_id=line.product_id, defaults={"quantity": quantity})
    return missing


def set_quantity(cart: Cart, product_id: int, quantity: int) -> None:
    """Change the quantity of a product; 0 removes it. Raises CartGone."""
    with transaction.atomic():
        touch(cart)
        item = cart.items.filter(product_id=product_id)
        item.update(quantity=min(quantity, MAX_QUANTITY)) if quantity > 0 else item.delete()


def touch(cart: Cart) -> None:
    """Lock the cart and mark it as in use. Must run inside a transaction. Raises CartGone."""
    if not Cart.objects.filter(pk=cart.pk).update(changed_at=timezone.now()):
        raise CartGone(cart.pk)


def merge(visitors_cart_id: int | None, customer: AbstractBaseUser) -> None:
    """Move the items of the visitor's anonymous cart into the customer's cart, and delete the anonymous one.

    Quantities add up, to MAX_QUANTITY. A customer without a cart gets the visitor's. A cart of another customer is not
    touched, even if the session names it.
    """
    try:
        _merge(visitors_cart_id, customer)
    except IntegrityError:
        # A concurrent login of the same customer has created a cart: now there is one to merge with.
        _merge(visitors_cart_id, customer)


def items(cart: Cart | None) -> list[CartItem]:
    """The items of the cart, with products and sellers, in one query."""
    return list(cart.items.select_related("product__seller")) if cart else []


def can_be_ordered(items: Sequence[CartItem]) -> bool:
    """True if every item is available by the current stock. Placing the order checks again, under lock."""
    return all(item.obstacle == Obstacle.NONE for item in items)


def total(items: Sequence[CartItem]) -> Money | None:
    """The total at current prices; None for an empty cart, or one in several currencies."""
    currencies = {item.product.currency for item in items}
    if len(currencies) != 1:
        return None
    return Money(sum(item.total.minor for item in items), currencies.pop())


@transaction.atomic
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
    _move_items(visitors, own)
    touch(own)
    visitors.delete()
    transaction.on_commit(lambda: log.info("cart.merged", extra={"cart": own.pk}))


def _move_items(source: Cart, target: Cart) -> None:
    """Both carts are locked. Orders of the source point to the target afterwards."""
    existing = {item.product_id: item for item in target.items.all()}
    for item in source.items.all():
        same = existing.get(item.product_id)
        if same is None:
            CartItem.objects.filter(pk=item.pk).update(cart=target)
        else:
            quantity = min(same.quantity + item.quantity, MAX_QUANTITY)
            CartItem.objects.filter(pk=same.pk).update(quantity=quantity)
    Order.objects.filter(cart=source).update(cart=target)
