"""What unpaid orders hold: for the limits of customers and networks, the metrics and the findings."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Sum

from billing.models import Payment
from billing.states import Status
from commerce.models import Order, OrderLine, OrderStatus, Product
from config.metrics.registry import DATABASE, Value, reader, reading

SMALL_STOCK = 5
"""Pieces of one product that a customer may hold of any stock: who takes five of the last six is a customer."""

PAYMENTS = Payment.objects.filter(reference=OuterRef("public_id"))
_WITH_MONEY = Q(status__in=(Status.AUTHORIZED, Status.SUCCEEDED)) | Q(working_since__isnull=False)

ORDERS_GAUGE = reading("tillkeeper_unpaid_orders", "Orders that wait for payment and hold goods.")
PIECES_GAUGE = reading("tillkeeper_unpaid_pieces", "Pieces of all products that these orders hold.")


@dataclass(frozen=True)
class Crowd:
    """Networks that have as many unpaid orders as one may have, and when the oldest of these was placed."""

    networks: int
    since: datetime


def unpaid() -> QuerySet[Order]:
    """Orders that hold goods for no money: the customer has not paid, and the bank is not working on it."""
    paid = Exists(PAYMENTS.filter(_WITH_MONEY))
    return Order.objects.filter(~paid, status=OrderStatus.AWAITING_PAYMENT).order_by()


def share(pieces: int) -> int:
    """How many of these pieces of a product one customer, or one network, may hold."""
    return max(SMALL_STOCK, pieces * settings.UNPAID_SHARE_OF_STOCK_PERCENT // 100)


def crowd() -> Crowd | None:
    """The networks whose next order is refused, if there are any."""
    by_network = unpaid().exclude(network="").values("network").annotate(orders=Count("pk"), since=Min("placed_at"))
    found = list(by_network.filter(orders__gte=settings.UNPAID_ORDERS_PER_NETWORK).values_list("since", flat=True))
    return Crowd(len(found), min(found)) if found else None


def scarce_products() -> list[tuple[Product, int]]:
    """Products of which unpaid orders hold more than one customer might, each with the pieces held; most first."""
    lines = OrderLine.objects.filter(order__in=unpaid()).values("product").annotate(held=Sum("quantity"))
    held = dict(lines.filter(held__gt=SMALL_STOCK).order_by().values_list("product", "held"))
    found = [(product, held[product.pk]) for product in Product.objects.filter(pk__in=held)]
    too_many = [(product, pieces) for product, pieces in found if pieces > share(product.stock + pieces)]
    return sorted(too_many, key=lambda each: -each[1])


@reader(DATABASE)
def unpaid_orders() -> Iterator[Value]:
    pieces = OrderLine.objects.filter(order__in=unpaid()).aggregate(pieces=Sum("quantity"))["pieces"]
    yield ORDERS_GAUGE, (), unpaid().count()
    yield PIECES_GAUGE, (), pieces or 0
