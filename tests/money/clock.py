"""Time passes: every time stamp moves into the past, here and at the provider, as if everybody had slept."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from django.db.models import DateTimeField, F, Model

from billing.models import AccountState, Callback, Difference, Dispute, Payment, PaymentEvent, Reconciliation, Refund
from billing.sandbox import SandboxServer
from commerce.models import Notification, Order, OrderEvent

ROWS: tuple[type[Model], ...] = (
    AccountState, Callback, Difference, Dispute, Notification, Order, OrderEvent, Payment, PaymentEvent,
    Reconciliation, Refund,
)  # fmt: skip


def let_time_pass(seconds: float, sandbox: SandboxServer, claimed: Iterable[Model] = ()) -> None:
    """Move the rows, what the provider has, and `claimed`: row objects that workers hold, with their leases."""
    gap = timedelta(seconds=seconds)
    for model in ROWS:
        model._default_manager.update(**{name: F(name) - gap for name in _times(model)})
    for row in claimed:
        for name in [*_times(type(row)), "due_since"]:
            moment = getattr(row, name)
            setattr(row, name, moment and moment - gap)
    ledger = sandbox.ledger
    for their in ledger.all():
        ledger._keep(replace(their, created_at=their.created_at - gap, expires_at=their.expires_at - gap))
    for refund in ledger.refunds():
        ledger._keep_refund(replace(refund, created_at=refund.created_at - gap))
    for each in ledger.disputes():
        due_at = each.evidence_due_at - gap
        ledger._keep_dispute(replace(each, created_at=each.created_at - gap, evidence_due_at=due_at))


def _times(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields if isinstance(field, DateTimeField)]
