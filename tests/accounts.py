"""Accounts with payments to ask about, and the ways in which their provider can be away."""

from datetime import timedelta

from billing.errors import Unreachable
from billing.limits import breaker
from billing.models import AccountState, Breaker, Payment
from billing.providers import provider_of
from billing.sandbox import SandboxServer
from config.due.queue import database_now
from tests.shop import written_payment

DOWN = Unreachable("no connection, or it broke (ConnectionError)")


def pending(count: int, *, due_for_s: float, age_s: float = 1, name: str = "sandbox") -> list[Payment]:
    """So many payments that the provider knows, due for so long."""
    now = database_now()
    payments = []
    for number in range(count):
        payment = written_payment(
            now,
            account=name,
            reference=f"{name}-{due_for_s}-{number}",
            window_ends_at=now + timedelta(hours=2),
            next_check_at=now - timedelta(seconds=due_for_s),
        )
        payment.provider_ref = provider_of(name).create(payment).provider_ref
        payment.save()
        payments.append(payment)
    rows = Payment.objects.filter(pk__in=[payment.pk for payment in payments])
    rows.update(created_at=now - timedelta(seconds=age_s))
    return payments


def looked_at(server: SandboxServer) -> list[str]:
    """The provider's ids of the payments it was asked about, in that order."""
    return [str(entry["payment"]) for entry in server.requests() if entry["method"] == "GET"]


def state(account: str = "sandbox") -> AccountState:
    """As the database has it."""
    return AccountState.objects.get(pk=account)


def trip(account: str = "sandbox") -> None:
    """Open the breaker, as calls that failed would."""
    breaker.note(account, [DOWN, DOWN, DOWN])
    assert state(account).breaker == Breaker.OPEN


def let_probe() -> None:
    """The time of the next probe has come."""
    AccountState.objects.update(next_probe_at=database_now())
