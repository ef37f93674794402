"""Callbacks as the provider posts them, and what comes of them."""

import pytest
from django.test import Client

from billing.models import Payment
from commerce.models import Order
from tests.shop import SECRET, Shop, signed

ADDRESS = "/callbacks/sandbox/"

rolled_back = pytest.mark.django_db
"""For tests that need no commit: undoing a transaction is quicker than emptying every table."""


def post(body: bytes, address: str = ADDRESS, secret: str = SECRET) -> int:
    """What the provider is answered."""
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    headers = signed(body, secret).headers
    return client.post(address, data=body, content_type="application/json", headers=headers).status_code


def ended(shop: Shop, action: str) -> tuple[Order, Payment]:
    """An order and its payment, which came to nothing."""
    order, payment = shop.order()
    if action == "expire":
        shop.let_time_pass(3_700)
        shop.sweep()
    else:
        shop.buyer(payment, action)
        shop.sweep_now(payment)
    payment = shop.fresh(payment)
    assert not payment.is_open
    return order, payment
