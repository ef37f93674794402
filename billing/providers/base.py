"""The interface of all providers, and the types of their answers."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from billing.errors import Forged
from billing.models import Payment, Refund
from billing.money import Money
from billing.states import RefundStatus, Status

SIGNATURE_AGE_S = 300
"""Greatest age of a signature, as in Stripe's own libraries: https://docs.stripe.com/webhooks#replay-attacks"""


@dataclass(frozen=True)
class Account:
    """One contract with a provider: its name, address and keys. Two accounts of one provider share only code."""

    name: str
    options: Mapping[str, str] = field(repr=False)
    """The settings `<NAME>_…`, by lower-case names; they contain secrets."""


@dataclass(frozen=True)
class PaymentSnapshot:
    """The provider's answer about one payment, in our terms.

    `status` is None if the provider's status is unknown; `raw_status` keeps it. `amount` is the sum that was taken, or
    the requested sum if no money was taken. `refunded_minor` is the total refunded of it.
    """

    status: Status | None
    raw_status: str
    provider_ref: str
    amount: Money
    reference: str
    reason: str = ""
    pay_url: str = ""
    refunded_minor: int = 0


@dataclass(frozen=True)
class RefundSnapshot:
    """The provider's answer about one refund; `status` is None if the provider's status is unknown."""

    status: RefundStatus | None
    raw_status: str
    provider_ref: str
    amount: Money
    reason: str = ""


@dataclass(frozen=True)
class CallbackRequest:
    """A callback as received, not trusted."""

    body: bytes
    headers: Mapping[str, str]
    """Names in lower case; only those in the adapter's `signature_headers`."""
    sender: str
    """The address it came from, as reported by our own proxies."""

    def check_signature(self, name: str, secret: str, now: float) -> None:
        """Check a signature in Stripe's format: a header like `t=1700000000,v1=5257…`.

        It is HMAC-SHA256 over `<t>.<body>`, in hex. There may be several `v1` while a secret is replaced. Raises Forged
        if none matches, or if the time is more than SIGNATURE_AGE_S from `now` (Unix seconds), so that a recorded
        callback cannot be sent again later.
        """
        fields = [part.strip().partition("=") for part in self.headers.get(name, "").split(",")]
        moment = next((value for name, _, value in fields if name == "t"), "")
        if not (moment.isascii() and moment.isdecimal() and len(moment) < 12):
            raise Forged("the signature has no time")
        expected = hmac.new(secret.encode(), f"{moment}.".encode() + self.body, hashlib.sha256).hexdigest()
        given = [value.encode(errors="replace") for name, _, value in fields if name == "v1"]
        if not any(hmac.compare_digest(expected.encode(), each) for each in given):
            raise Forged("the signature does not match")
        if abs(now - int(moment)) > SIGNATURE_AGE_S:
            raise Forged(f"the signature is {now - int(moment):.0f} s old")


@dataclass(frozen=True)
class CallbackHint:
    """The payment that a callback names. Nothing else in it is trusted: the provider is asked."""

    provider_ref: str
    reference: str
    event: str


class Provider(Protocol):
    """One account at a provider. A request takes at most `rate.longest_request_s()`; it raises only ProviderError.

    Calls run in parallel threads without a database connection. A call with an idempotency key can be repeated safely.
    `billing.payments.check` counts how many requests a call may need.
    """

    rate_limit_per_s: int
    """Calls per second that one account may make, unless its setting says otherwise; 0: no limit."""

    key_kept: timedelta
    """How long a refund without an answer is repeated: less than the provider keeps keys, or it would pay twice."""

    lapse: timedelta | None
    """Age at which an unpaid payment has ended by itself, if the provider refuses `cancel`; None if it does not."""

    signature_headers: tuple[str, ...]
    """Headers of a callback that `verify` needs, in lower case."""

    def __init__(self, account: Account) -> None: ...

    @staticmethod
    def read_options(prefix: str) -> dict[str, str]:
        """Read an account's address and keys from settings whose names begin with `prefix`. Raises WrongSetting."""

    def create(self, payment: Payment) -> PaymentSnapshot:
        """Create the payment, with its idempotency key."""

    def status(self, provider_ref: str) -> PaymentSnapshot:
        """Read the payment."""

    def cancel(self, provider_ref: str) -> PaymentSnapshot:
        """Cancel an unpaid payment. Raises Refused if the provider does not allow it."""

    def refund(self, refund: Refund) -> RefundSnapshot:
        """Create the refund, with its idempotency key. Raises Refused if the provider refuses it."""

    def refund_status(self, refund: Refund) -> RefundSnapshot:
        """Read a refund whose `provider_ref` is known."""

    def payments_between(self, start: datetime, end: datetime) -> Iterator[PaymentSnapshot]:
        """Payments created there from `start`, before `end`. The first raises NotOffered if there is no list."""

    def verify(self, post: CallbackRequest) -> None:
        """Raises Forged if the provider cannot have sent the callback; without signatures it raises nothing."""

    def read_callback(self, body: bytes) -> CallbackHint:
        """Read which payment a callback names. Raises BadAnswer if it names none."""


@runtime_checkable
class Capturing(Provider, Protocol):
    """A provider that moves money only after a second call of ours, when the buyer has approved the payment."""

    def capture(self, provider_ref: str, idempotency_key: str) -> PaymentSnapshot:
        """Take the money of an authorized payment, with the payment's key. A repeat takes nothing twice."""
