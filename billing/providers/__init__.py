"""The providers, one file each. To add one, write its file and add a line here."""

from functools import cache

from django.conf import settings

from billing.providers.base import (
    Account,
    CallbackHint,
    CallbackRequest,
    Capturing,
    PaymentSnapshot,
    Provider,
    RefundSnapshot,
)
from billing.providers.measuring import measured
from billing.providers.paypal import PayPal
from billing.providers.sandbox import Sandbox
from billing.providers.stripe import Stripe
from billing.providers.yookassa import YooKassa

REGISTRY: dict[str, type[Provider]] = {
    "sandbox": Sandbox,
    "yookassa": YooKassa,
    "stripe": Stripe,
    "paypal": PayPal,
}

__all__ = [
    "REGISTRY",
    "Account",
    "CallbackHint",
    "CallbackRequest",
    "Capturing",
    "PaymentSnapshot",
    "Provider",
    "RefundSnapshot",
    "provider_of",
]


@cache
def provider_of(account: str) -> Provider:
    """The adapter for this account, with this process's connection pool.

    Raises KeyError for an account that PAYMENT_ACCOUNTS does not name.
    """
    options = settings.PAYMENT_ACCOUNTS[account]
    return measured(REGISTRY[options["provider"]](Account(account, options)), account)
