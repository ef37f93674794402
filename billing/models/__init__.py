"""The models of billing."""

from billing.models.account import AccountState, Breaker
from billing.models.callback import Callback
from billing.models.dispute import Dispute
from billing.models.event import PaymentEvent
from billing.models.payment import Advice, AskedBy, Attention, Payment, ProviderId
from billing.models.proposal import Proposal
from billing.models.reconciliation import Difference, Reconciliation
from billing.models.refund import Refund

__all__ = [
    "AccountState",
    "Advice",
    "AskedBy",
    "Attention",
    "Breaker",
    "Callback",
    "Difference",
    "Dispute",
    "Payment",
    "PaymentEvent",
    "Proposal",
    "ProviderId",
    "Reconciliation",
    "Refund",
]
