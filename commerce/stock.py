"""Stock: taken when an order is placed, given back when it ends unpaid."""

from collections.abc import Mapping

from django.db import transaction
from django.db.models import F

from commerce.errors import NotEnough, NotSold
from commerce.models import Order, Product


def take(wanted: Mapping[int, int]) -> dict[int, Product]:
    """Reserve a quantity of each product id; returns the products with their current prices.

    Must run inside a transaction, and locks the rows in the order of their ids. Raises NotEnough if a product has too
    little stock, or NotSold if it is no longer for sale; the transaction must roll back then.
    """
    locked = Product.objects.select_for_update(of=("self",)).select_related("seller").filter(pk__in=wanted)
    products = {product.pk: product for product in locked.order_by("pk")}
    for product_id, quantity in wanted.items():
        product = products.get(product_id)
        if product is None or not product.for_sale:
            raise NotSold(product.title if product else "?")
        if product.stock < quantity:
            raise NotEnough(product.title, product.stock)
        Product.objects.filter(pk=product_id).update(stock=F("stock") - quantity)
    return products


def give_back(order: Order) -> None:
    """Return the order's stock. Must run inside a transaction that holds the order."""
    for line in order.lines.order_by("product_id"):
        Product.objects.filter(pk=line.product_id).update(stock=F("stock") + line.quantity)


def take_again(order: Order) -> bool:
    """Reserve the order's products again; False, with nothing reserved, if some are gone."""
    wanted = dict(order.lines.values_list("product_id", "quantity"))
    try:
        with transaction.atomic():  # a savepoint: all of it or nothing
            take(wanted)
    except NotEnough:
        return False
    return True
