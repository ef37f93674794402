"""Time passes: every time stamp moves into the past, here and at the provider, as if everybody had slept."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from django.db.models import DateTimeField, F, Model

from billing.models import AccountState, Callback, Difference, Payment, PaymentEvent, Reconciliation, Refund
from billing.sandbox import SandboxServer
from commerce.models import Notification, Order, OrderEvent

ROWS: tuple[type[Model], ...] = (
    AccountState, Callback, Difference, Notification, Order, OrderEvent, Payment, PaymentEvent, Reconciliation, Refund,
)  # fmt: skip


def let_time_pass(seconds: float, sandbox: SandboxServer, claimed: Iterable[Model] = ()) -> None:
    """Move the rows, the provider's payments, and `claimed`: row objects that workers hold, with their leases."""
    gap = timedelta(seconds=seconds)
    for model in ROWS:
        model._default_manager.update(**{name: F(name) - gap for name in _times(model)})
    for row in claimed:
        for name in [*_times(type(row)), "due_since"]:
            moment = getattr(row, name)
            setattr(row, name, moment and moment - gap)
    for their in sandbox.ledger.all():
        earlier = replace(their, created_at=their.created_at - gap, expires_at=their.expires_at - gap)
        sandbox.ledger._keep(earlier)


def _times(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields if isinstance(field, DateTimeField)]
