"""Yesterday in two sets of books: what a provider has of it, and what we have."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from billing.models import Difference, Payment, Reconciliation
from billing.reconciliation import runs
from billing.sandbox.payment import Money as SandboxMoney
from billing.sandbox.payment import Payment as SandboxPayment
from billing.sandbox.records import Claim
from config.due.queue import database_now
from tests.shop import Shop, written_payment

State, Kind = Difference.State, Difference.Kind


def yesterday() -> date:
    """Seen from now: midnight may come during a run."""
    return datetime.now(UTC).date() - timedelta(days=1)


def noon() -> datetime:
    """Of yesterday."""
    return datetime.combine(yesterday(), datetime.min.time(), tzinfo=UTC) + timedelta(hours=12)


def was_made(shop: Shop, payment: Payment, at: datetime | None = None, there: datetime | None = None) -> Payment:
    """The payment was made at that moment, or yesterday at noon, here and there."""
    at = at or noon()
    Payment.objects.filter(pk=payment.pk).update(created_at=at)
    if payment.provider_ref:
        ledger = shop.sandbox.ledger
        ledger._keep(replace(ledger.find(payment.provider_ref), created_at=there or at))
    return shop.fresh(payment)


def made_yesterday(shop: Shop, action: str = "") -> Payment:
    """A payment of yesterday, on which the buyer did something that we have seen; nothing: it is pending."""
    _, payment = shop.order()
    if action:
        shop.buyer(payment, action)
        shop.sweep_now(payment)
    return was_made(shop, payment)


def stranger(shop: Shop, status: str = "succeeded", reference: str = "of-another-shop", amount: str = "9.90") -> str:
    """A payment that was made at the provider yesterday, and not by us."""
    draft = SandboxPayment(
        id=f"sb_stranger_{reference}_{status}_{len(shop.sandbox.ledger.all())}",
        amount=SandboxMoney(amount, "EUR"),
        reference=reference,
        description="",
        return_url="",
        callback_url="",
        created_at=noon(),
        expires_at=noon() + timedelta(days=3),
        status=status,
    )
    return shop.sandbox.ledger.create(Claim(draft.id, "x"), draft)[0].id


def reconcile() -> Reconciliation:
    """Yesterday, compared to its end."""
    run = runs.reconcile("sandbox", yesterday())
    assert (run.error, run.compared_at is not None) == ("", True)
    return run


def only() -> Difference:
    """The one difference that was found."""
    return Difference.objects.get()


def many(shop: Shop, count: int, **facts: object) -> list[Payment]:
    """So many payments of yesterday, pending here and there."""
    refs = [stranger(shop, "pending", reference=f"order-{number}", amount="1.00") for number in range(count)]
    now = database_now()
    return Payment.objects.bulk_create(
        written_payment(
            now,
            provider_ref=ref,
            reference=f"order-{number}",
            next_check_at=now + timedelta(hours=1),
            created_at=noon(),
            **facts,
        )
        for number, ref in enumerate(refs)
    )
