"""What orders may hold while they are not paid: an order costs nothing until then, and takes its goods from all others.

Unpaid orders count for their customer (the browser's cart, the account, or a guest's mail address) and for the network
that they came from. Each may have so many of them, and hold such a share of a product. An order with money never counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from billing.models import Payment
from billing.states import Status
from commerce.errors import TooManyUnpaid, TooMuchOfOne
from commerce.models import Cart, CartItem, Order, OrderLine, OrderStatus
from config.database.locks import key_of, lock_until_commit
from config.due.queue import database_now

if TYPE_CHECKING:
    from commerce.orders import Customer

SMALL_STOCK = 5
"""Pieces of one product that a customer may hold of any stock: who takes five of the last six is a customer."""

_OF_THE_ORDER = Payment.objects.filter(reference=OuterRef("public_id"))
_WITH_MONEY = Q(status__in=(Status.AUTHORIZED, Status.SUCCEEDED)) | Q(working_since__isnull=False)
_CAN_BE_PAID = Q(status__in=(Status.CREATED, Status.PENDING), cancel_asked_at=None)


@dataclass(frozen=True)
class _Holder:
    """Who holds unpaid orders, and how many there may be."""

    orders: QuerySet[Order]
    holding: QuerySet[Order]
    """Those of them whose goods count for the share."""

    most: int
    is_the_visitor: bool = False


def check_orders(cart: Cart, customer: "Customer") -> None:
    """Raise TooManyUnpaid if another order would be too many. The cart is locked; the transaction keeps all others out
    that count for the same mail address or network.
    """
    lock_until_commit(*(key_of(name) for name in (_mail(customer), customer.network) if name))
    for holder in _holders(cart, customer):
        if (waiting := holder.orders.count()) >= holder.most:
            raise TooManyUnpaid(waiting if holder.is_the_visitor else None)


def check_pieces(cart: Cart, customer: "Customer", items: Sequence[CartItem]) -> None:
    """Raise TooMuchOfOne if a quantity exceeds a share; each product's stock is what it was before it was taken."""
    for holder in _holders(cart, customer):
        lines = OrderLine.objects.filter(order__in=holder.holding, product__in=[item.product_id for item in items])
        held = dict(lines.values_list("product").annotate(Sum("quantity")).order_by())
        for item in items:
            left = _share(item.product.stock + held.get(item.product_id, 0)) - held.get(item.product_id, 0)
            if item.quantity > left:
                raise TooMuchOfOne(item.product.title, max(0, left))


def waiting() -> QuerySet[Order]:
    """Orders that hold goods for no money."""
    paid = Exists(_OF_THE_ORDER.filter(_WITH_MONEY))
    return Order.objects.filter(~paid, status=OrderStatus.AWAITING_PAYMENT).order_by()


def _holders(cart: Cart, customer: "Customer") -> Iterator[_Holder]:
    """A customer's second attempt is not punished: what they cancelled or let expire does not count for them, and the
    goods of a failed payment do not. For the network it does: else a robot would hold goods by failing.
    """
    current = waiting().filter(pay_before__gt=database_now())
    current = current.exclude(Exists(_OF_THE_ORDER.filter(cancel_asked_at__isnull=False)))
    payable = current.filter(Exists(_OF_THE_ORDER.filter(_CAN_BE_PAID)))
    most = settings.UNPAID_ORDERS_PER_CUSTOMER
    visitor = Q(cart=cart) | (Q(customer=customer.account) if customer.account else Q())
    yield _Holder(current.filter(visitor), payable.filter(visitor), most, is_the_visitor=True)
    if mail := _mail(customer):
        yield _Holder(current.filter(email__iexact=mail), payable.filter(email__iexact=mail), most)
    if customer.network:
        here = waiting().filter(network=customer.network)
        yield _Holder(here, here, settings.UNPAID_ORDERS_PER_NETWORK)


def _mail(customer: "Customer") -> str:
    """A guest's address. An account counts by itself: else a stranger could use up the limit of a known address."""
    return "" if customer.account else customer.email.strip().casefold()


def _share(pieces: int) -> int:
    return max(SMALL_STOCK, pieces * settings.UNPAID_SHARE_OF_STOCK_PERCENT // 100)
