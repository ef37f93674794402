"""The delivery methods that a customer can choose: the active ones in the currency of the goods; and a fingerprint of
what the checkout shows.

Nothing is locked, because every checkout would wait for the same row. An order keeps the name and price that it read:
a change at the same moment is a change a moment later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from django.db.models import QuerySet

from billing.money import Money
from commerce import carts
from commerce.errors import DeliveryNotOffered
from commerce.models import CartItem, DeliveryMethod


@dataclass(frozen=True)
class Offer:
    """A delivery method, the total of goods and delivery, and the fingerprint of both."""

    method: DeliveryMethod
    total: Money
    fingerprint: str


def offers(items: Sequence[CartItem]) -> list[Offer]:
    """The offers for these goods, the default first; none for an empty cart, or one in several currencies."""
    goods = carts.total(items)
    if goods is None:
        return []
    methods = _offered(goods.currency)
    return [Offer(method, goods + method.price, fingerprint(items, method)) for method in methods]


def fingerprint(items: Sequence[CartItem], method: DeliveryMethod | None) -> str:
    """A hash of products, quantities and prices, and of the delivery: another one is another purchase."""
    goods = sorted((item.product_id, item.quantity, item.product.price_minor, item.product.currency) for item in items)
    delivery = (method.pk, method.price_minor) if method else ()
    return sha256(repr((goods, delivery)).encode()).hexdigest()[:32]


def chosen(method_id: int | None, currency: str) -> DeliveryMethod | None:
    """The method with this id; for None the default, or None without methods. Raises DeliveryNotOffered."""
    if method_id is None:
        return _offered(currency).first()
    method = _offered(currency).filter(pk=method_id).first()
    if method is None:
        raise DeliveryNotOffered
    return method


def _offered(currency: str) -> QuerySet[DeliveryMethod]:
    return DeliveryMethod.objects.filter(active=True, currency=currency)
