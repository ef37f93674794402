"""Who is looking at the page, and which cart is theirs."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.auth.signals import user_logged_in
from django.db import IntegrityError, transaction
from django.dispatch import receiver
from django.http import HttpRequest

from commerce import carts
from commerce.models import Cart, CartItem

CART = "cart"
"""Where the session keeps the number of an anonymous cart. A customer's cart is found by the customer."""


def customer(request: HttpRequest) -> User | None:
    """Whoever is logged in; guests are nobody, and may do everything but see a list of their orders."""
    return request.user if request.user.is_authenticated else None


def cart(request: HttpRequest) -> Cart | None:
    """The visitor's cart, if there is one yet."""
    buyer = customer(request)
    if buyer:
        return Cart.objects.filter(customer=buyer).first()
    if CART not in request.session:
        return None
    return Cart.objects.filter(pk=request.session[CART], customer__isnull=True).first()


def cart_for_writing(request: HttpRequest) -> Cart:
    """The visitor's cart, or a new one."""
    return cart(request) or _new_cart(request)


def in_cart(request: HttpRequest) -> int:
    """How many products the visitor has put aside."""
    buyer = customer(request)
    if buyer:
        return CartItem.objects.filter(cart__customer=buyer).count()
    if CART not in request.session:
        return 0
    return CartItem.objects.filter(cart=request.session[CART], cart__customer__isnull=True).count()


def _new_cart(request: HttpRequest) -> Cart:
    buyer = customer(request)
    if buyer:
        return _customers_cart(buyer)
    created = Cart.objects.create()
    request.session[CART] = created.pk
    return created


def _customers_cart(buyer: User) -> Cart:
    """Two clicks at once make one cart: the database allows a customer no second one."""
    try:
        with transaction.atomic():
            return Cart.objects.create(customer=buyer)
    except IntegrityError:
        return Cart.objects.get(customer=buyer)


@receiver(user_logged_in, dispatch_uid="commerce.merge_carts")
def _merge_carts(request: HttpRequest, user: AbstractBaseUser, **_more: Any) -> None:
    """The customer brings what was put aside before. After logging out the session is new, and the cart stays."""
    carts.merge(request.session.pop(CART, None), user)
