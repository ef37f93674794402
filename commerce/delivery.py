"""What customers may choose from: the active methods in the currency of their goods.

Nothing is locked here. Every checkout would wait for the same row, and an order keeps the name and price that it read:
a method that is changed in that moment is a method that was changed a moment later.
"""

from dataclasses import dataclass

from django.db.models import QuerySet

from billing.money import Money
from commerce.errors import DeliveryNotOffered
from commerce.models import DeliveryMethod


@dataclass(frozen=True)
class Offer:
    """One way of delivery for some goods, and what both cost together."""

    method: DeliveryMethod
    total: Money


def offers(goods: Money | None) -> list[Offer]:
    """For goods of this price, the first choice first; none for goods without one price."""
    return [Offer(method, goods + method.price) for method in _offered(goods.currency)] if goods else []


def chosen(method_id: int | None, currency: str) -> DeliveryMethod | None:
    """The method with this id; for None the first one, or None if there is none. Raises DeliveryNotOffered."""
    if method_id is None:
        return _offered(currency).first()
    method = _offered(currency).filter(pk=method_id).first()
    if method is None:
        raise DeliveryNotOffered
    return method


def _offered(currency: str) -> QuerySet[DeliveryMethod]:
    return DeliveryMethod.objects.filter(active=True, currency=currency)
