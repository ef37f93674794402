"""Limits of one customer, and of one network: an unpaid order is free of charge, and takes its goods from all others.

Unpaid orders count for their customer (the browser's cart, the account, or a guest's mail address) and for the network
that they came from. For each, the number of orders and the share of a product
are limited. An order with money never counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Exists, Q, QuerySet, Sum

from billing.states import Status
from commerce.errors import TooManyUnpaid, TooMuchOfOne
from commerce.models import Cart, CartItem, Order, OrderLine
from commerce.unpaid.held import PAYMENTS, share, unpaid
from config.database.locks import key_of, lock_until_commit
from config.due.queue import database_now

if TYPE_CHECKING:
    from commerce.orders import Customer

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
            theirs = held.get(item.product_id, 0)
            left = share(item.product.stock + theirs) - theirs
            if item.quantity > left:
                raise TooMuchOfOne(item.product.title, max(0, left))


def _holders(cart: Cart, customer: "Customer") -> Iterator[_Holder]:
    """A customer's second attempt is not punished: what they cancelled or let expire does not count for them, and the
    goods of a failed payment do not. For the network it does: else a robot would hold goods by failing.
    """
    canceling = Exists(PAYMENTS.filter(cancel_asked_at__isnull=False))
    current = unpaid().filter(~canceling, pay_before__gt=database_now())
    payable = current.filter(Exists(PAYMENTS.filter(_CAN_BE_PAID)))
    most = settings.UNPAID_ORDERS_PER_CUSTOMER
    visitor = Q(cart=cart) | (Q(customer=customer.account) if customer.account else Q())
    yield _Holder(current.filter(visitor), payable.filter(visitor), most, is_the_visitor=True)
    if mail := _mail(customer):
        yield _Holder(current.filter(email__iexact=mail), payable.filter(email__iexact=mail), most)
    if customer.network:
        here = unpaid().filter(network=customer.network)
        yield _Holder(here, here, settings.UNPAID_ORDERS_PER_NETWORK)


def _mail(customer: "Customer") -> str:
    """A guest's address. An account counts by itself: else a stranger could use up the limit of a known address."""
    return "" if customer.account else customer.email.strip().casefold()
