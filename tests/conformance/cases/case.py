"""What the suite must know of a provider, and how to make it say and do things."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from itertools import count
from types import TracebackType
from typing import ClassVar, Self

from django.utils import timezone

from billing.errors import ProviderError
from billing.models import Advice, Payment, Refund
from billing.money import Money
from billing.providers import REGISTRY
from billing.providers.base import Account, CallbackRequest, Provider
from billing.states import DisputeStatus, RefundStatus, Status
from tests.conformance.standins import server
from tests.conformance.standins.server import Book, Handler, Json, Request, StandIn

orders = count(1)

TROUBLES: dict[str, Callable[[Handler, Request], None]] = {
    "hang": server.hang,
    "drip": server.drip,
    "lost_answer": server.lose_answer,
    "bad_gateway": server.bad_gateway,
    "html": server.html,
    "half_json": server.half_json,
    "oversized": server.oversized,
    "redirect": server.redirect,
    "nothing": server.nothing,
}


class Case(ABC):
    """One provider, as its contract has it."""

    provider: ClassVar[str]
    amounts: ClassVar[tuple[Money, ...]]
    """Amounts in every style of unit that the provider has; the first is the usual one."""
    not_accepted: ClassVar[tuple[tuple[Money, Money | None], ...]] = ()
    """Amounts that the provider does not take, refused before anything is sent, each with the smallest that it does."""
    states: ClassVar[dict[str, Status | None]]
    """Every state in the contract, by the provider's words, and one that is not there; in ours."""
    paid: ClassVar[str]
    working: ClassVar[tuple[str, ...]] = ()
    """The states of a payment that the customer has made, and on which a bank still works."""
    declines: ClassVar[dict[str, Advice]] = {}
    """Every reason in the contract for which a payment is declined, and what helps."""
    dispute_states: ClassVar[dict[str, tuple[DisputeStatus | None, bool]]] = {}
    """Every state of a dispute; in ours, and whether it is only an inquiry."""
    refund_states: ClassVar[dict[str, RefundStatus | None]]
    unpaid_can_be_cancelled: ClassVar[bool] = True
    refund_requests: ClassVar[int] = 1
    """How many a refund takes; the last one makes it."""
    signs: ClassVar[bool] = False
    errors: ClassVar[dict[int, tuple[type[ProviderError], str]]]
    """By HTTP status: what they are to us, and the provider's word that may be repeated."""
    back_off_s: ClassVar[float | None]
    """What it asks for with a 429."""
    troubles: ClassVar[frozenset[str]] = frozenset(TROUBLES)
    """Those on the wire that it can be made to have."""

    def __enter__(self) -> Self:
        self._running = self.start()
        self._running.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._running.__exit__(kind, error, at)

    @abstractmethod
    def start(self) -> AbstractContextManager[object]:
        """The provider, not yet running."""

    @abstractmethod
    def options(self, number: int = 0) -> dict[str, str]:
        """What PAYMENT_ACCOUNTS says of one of our accounts there."""

    @abstractmethod
    def say(self, provider_ref: str, state: str) -> None:
        """The payment is in this state from now on."""

    @abstractmethod
    def say_refund(self, provider_ref: str, state: str) -> None:
        """The refund is in this state from now on."""

    @abstractmethod
    def trouble(self, kind: str, after: int = 0) -> None:
        """One of TROUBLES, at the next request about money, or `after` so many that go well."""

    @abstractmethod
    def fail(self, status: int) -> None:
        """The provider's own error, at the next request about money."""

    @abstractmethod
    def count(self) -> int:
        """How many requests there were."""

    @abstractmethod
    def made(self) -> int:
        """How many payments the first account has there."""

    @abstractmethod
    def callback(self, payment: Payment) -> CallbackRequest:
        """What the provider posts when the payment was paid."""

    def adapter(self, number: int = 0) -> Provider:
        """Ours, for one of the accounts."""
        return REGISTRY[self.provider](Account(f"{self.provider}-{number}", self.options(number)))

    def payment(self, amount: Money | None = None) -> Payment:
        """One of ours, that no provider knows yet."""
        amount, now = amount or self.amounts[0], timezone.now()
        return Payment(
            account=self.provider,
            reference=f"order-{next(orders)}",
            amount_minor=amount.minor,
            currency=amount.currency,
            description="Two cups & a saucer = три",
            return_url="https://shop.example.com/orders/1/?paid=1",
            created_at=now,
            window_ends_at=now + timedelta(hours=1),
        )

    def made_payment(self, adapter: Provider, amount: Money | None = None) -> Payment:
        """One that the provider knows."""
        payment = self.payment(amount)
        payment.provider_ref = adapter.create(payment).provider_ref
        return payment

    def refund_of(self, payment: Payment, minor: int) -> Refund:
        """So much of it goes back."""
        return Refund(payment=payment, amount_minor=minor, wanted_by="ann", why="broken")

    def secrets(self) -> list[str]:
        """What must not show up anywhere."""
        return [value for name, value in self.options().items() if "key" in name or "secret" in name]


class StandInCase(Case):
    """A provider for which a stand-in answers."""

    stand_in: StandIn

    @abstractmethod
    def decline(self, provider_ref: str, reason: str) -> None:
        """The payment was declined for this reason."""

    @abstractmethod
    def parts(self, provider_ref: str) -> set[str]:
        """The further ids that a paid payment has."""

    @abstractmethod
    def events(self, payment: Payment) -> dict[str, Json]:
        """Callbacks about a paid payment and all of its parts, by the name of the event."""

    @abstractmethod
    def spoil(self, row: Json) -> None:
        """A payment or a refund has no readable amount or id any more."""

    def dispute(self, provider_ref: str, state: str) -> Json:
        """A dispute in this state, as the provider has it."""
        raise NotImplementedError

    @property
    def the_book(self) -> Book:
        """The first account's."""
        return next(iter(self.stand_in.books.values()))

    def row(self, provider_ref: str) -> Json:
        """The payment as the provider has it."""
        return self.the_book.payments[provider_ref]

    def trouble(self, kind: str, after: int = 0) -> None:
        self.stand_in.mischief += [server.as_ever] * after
        self.stand_in.mischief.append(TROUBLES[kind])

    def fail(self, status: int, parameter: str = "") -> None:
        self.stand_in.mischief.append(server.saying(self.stand_in.complaint(status, parameter=parameter)))

    def count(self) -> int:
        return len(self.stand_in.requests)

    def made(self) -> int:
        return len(self.the_book.payments)
