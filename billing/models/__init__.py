"""The models of billing."""

from billing.models.account import AccountState, Breaker
from billing.models.callback import Callback
from billing.models.event import PaymentEvent
from billing.models.payment import AskedBy, Attention, Payment
from billing.models.reconciliation import Difference, Reconciliation
from billing.models.refund import Refund

__all__ = [
    "AccountState",
    "AskedBy",
    "Attention",
    "Breaker",
    "Callback",
    "Difference",
    "Payment",
    "PaymentEvent",
    "Reconciliation",
    "Refund",
]
