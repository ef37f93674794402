"""The delivery methods that a customer can choose: the active ones in the currency of the goods.

Nothing is locked, because every checkout would wait for the same row. An order keeps the name and price that it read:
a change at the same moment is a change a moment later.
"""

from dataclasses import dataclass

from django.db.models import QuerySet

from billing.money import Money
from commerce.errors import DeliveryNotOffered
from commerce.models import DeliveryMethod


@dataclass(frozen=True)
class Offer:
    """A delivery method, and the total of goods and delivery."""

    method: DeliveryMethod
    total: Money


def offers(goods: Money | None) -> list[Offer]:
    """The offers for goods of this price, the default first; none without a price."""
    return [Offer(method, goods + method.price) for method in _offered(goods.currency)] if goods else []


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
