"""The visitor of a page, their cart and their open orders."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeVar

from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.auth.signals import user_logged_in
from django.db.models import Q, QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from commerce import carts
from commerce.models import Cart, CartItem, Order, OrderStatus
from commerce.order_state import with_states

T = TypeVar("T")

SESSION_KEY = "cart"
"""The session holds the id of an anonymous cart."""

ORDERS_SESSION_KEY = "orders"
"""The session holds the ids of orders that this browser placed, also after login."""

MAILED_SESSION_KEY = "orders_from_mail"
"""The session holds the ids of orders whose link in a mail this browser has opened. Other pages do not show them: a
stranger could send the link of an own order, for the visitor to pay."""

ORDERS_REMEMBERED = 10
"""Open orders that a page shows, and ids in a list of the session: the newest."""


def customer(request: HttpRequest) -> User | None:
    """The user who is logged in; None for guests, who can do everything except list their orders."""
    return request.user if request.user.is_authenticated else None


def cart(request: HttpRequest) -> Cart | None:
    """The visitor's cart, if there is one yet."""
    return _carts(request).first()


def cart_for_writing(request: HttpRequest) -> Cart:
    """The visitor's cart, or a new one."""
    buyer = customer(request)
    if buyer:
        return Cart.objects.get_or_create(customer=buyer)[0]  # two clicks at once create one cart
    found = cart(request)
    if found is None:
        found = Cart.objects.create()
        request.session[SESSION_KEY] = found.pk
    return found


def change_cart(request: HttpRequest, change: Callable[[Cart], T]) -> T:
    """Change the visitor's cart, or a new one if it is deleted at this very moment."""
    try:
        return change(cart_for_writing(request))
    except carts.CartGone:
        return change(cart_for_writing(request))


def in_cart(request: HttpRequest) -> int:
    """The number of products in the visitor's cart."""
    return CartItem.objects.filter(cart__in=_carts(request)).count()


def remember(request: HttpRequest, order: Order) -> None:
    """The browser that placed the order finds it again while it is open, and may see it whole."""
    _add(request, ORDERS_SESSION_KEY, order)


def has_mail_link(request: HttpRequest, order: Order) -> None:
    """The browser has opened the link in the order's mail, and may see it whole.

    The session gets a new key: a stranger who has planted the old one sees nothing.
    """
    _add(request, MAILED_SESSION_KEY, order)
    request.session.cycle_key()


def may_see(request: HttpRequest, order: Order) -> bool:
    """May the visitor see the whole order, and act for its customer? The id alone is not enough.

    True for the browser that placed it or has opened its mail's link, and for its customer who is logged in.
    """
    buyer = customer(request)
    if buyer is not None and order.customer_id == buyer.pk:
        return True
    return any(order.public_id in request.session.get(key, ()) for key in (ORDERS_SESSION_KEY, MAILED_SESSION_KEY))


def header(request: HttpRequest) -> dict[str, Callable[[], Any]]:
    """A context processor: what the top of every page of the shop shows. It asks nothing until a template needs it."""
    return {
        "in_cart": cache(partial(in_cart, request)),
        "open_orders": cache(lambda: with_states(_open_orders(request), timezone.now())),
    }


def _add(request: HttpRequest, key: str, order: Order) -> None:
    others = [each for each in request.session.get(key, []) if each != order.public_id]
    request.session[key] = [*others, order.public_id][-ORDERS_REMEMBERED:]


def _open_orders(request: HttpRequest) -> list[Order]:
    """Orders of this browser and of the customer's account that await payment, newest first; not the page's own."""
    shown = request.resolver_match.kwargs.get("public_id", "") if request.resolver_match else ""
    placed_here = [each for each in request.session.get(ORDERS_SESSION_KEY, []) if each != shown]
    buyer = customer(request)
    if not placed_here and not buyer:
        return []  # without a query: most visitors
    theirs = Q(public_id__in=placed_here) | (Q(customer=buyer) if buyer else Q())
    awaiting = Order.objects.filter(theirs, status=OrderStatus.AWAITING_PAYMENT).exclude(public_id=shown)
    return list(awaiting.order_by("-pk")[:ORDERS_REMEMBERED])


def _carts(request: HttpRequest) -> QuerySet[Cart]:
    """One cart or none: a customer's is found by the customer, an anonymous one by the session."""
    buyer = customer(request)
    if buyer:
        return Cart.objects.filter(customer=buyer)
    if SESSION_KEY not in request.session:
        return Cart.objects.none()
    return Cart.objects.filter(pk=request.session[SESSION_KEY], customer__isnull=True)


@receiver(user_logged_in, dispatch_uid="commerce.merge_carts")
def _merge_carts(request: HttpRequest, user: AbstractBaseUser, **_more: Any) -> None:
    """Login adds the visitor's cart to the customer's. Logout starts a new session, and the cart stays."""
    carts.merge(request.session.pop(SESSION_KEY, None), user)
