"""What every provider can do for us, and what it answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from billing.money import Money
from billing.states import RefundStatus, Status

if TYPE_CHECKING:
    from billing.models import Payment, Refund


@dataclass(frozen=True)
class Account:
    """One contract with a provider: its name, which payments and callbacks carry, and its own address and keys.

    Two accounts of one provider have two adapters, and nothing in common but code.
    """

    name: str
    options: Mapping[str, str] = field(repr=False)
    """What the settings `<NAME>_…` say, by lower-case names; there are secrets among them."""


@dataclass(frozen=True)
class PaymentSnapshot:
    """What the provider says of one payment, in our words.

    `status` is None where the provider used a word we do not know; `raw_status` keeps the word itself. `amount` is what
    was taken, if money was taken, and what is asked for otherwise. `refunded_minor` is what went back of it.
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
    """What the provider says of one refund; `status` is None where it used a word we do not know."""

    status: RefundStatus | None
    raw_status: str
    provider_ref: str
    amount: Money
    reason: str = ""


@dataclass(frozen=True)
class CallbackRequest:
    """A callback as it came: nothing in it is believed."""

    body: bytes
    headers: Mapping[str, str]
    """Names in lower case; only those in the adapter's `signature_headers`."""
    sender: str
    """The address it came from, as far as our own proxies vouch for it."""


@dataclass(frozen=True)
class CallbackHint:
    """What a callback is about, if it is about a payment. Nothing else in it is believed: the provider is asked."""

    provider_ref: str
    reference: str
    event: str


class Provider(Protocol):
    """One account at a provider. A request takes `pacing.longest_request_s()` at the most; raises only ProviderError.

    They run side by side in threads that have no database connection. What is made with an idempotency key may be
    repeated as often as one likes. How many requests a call may need is counted in `billing.payments.check`.
    """

    rate_limit_per_s: int
    """Calls per second that one account may make, unless its setting says otherwise; 0: no limit."""

    key_kept: timedelta
    """Time for which a refund without an answer is repeated: shorter than the provider remembers idempotency keys.

    After that, the same request would give the money back a second time.
    """

    lapse: timedelta | None
    """So long after it was made an unpaid payment may stay open there, before it ends by itself.

    None where an unpaid payment can be cancelled. Elsewhere `cancel` would be refused.
    """

    signature_headers: tuple[str, ...]
    """Headers of a callback that `verify` needs, in lower case."""

    def __init__(self, account: Account) -> None: ...

    @staticmethod
    def read_options(prefix: str) -> dict[str, str]:
        """Read an account's address and keys from settings whose names begin with `prefix`. Raises WrongSetting."""

    def create(self, payment: "Payment") -> PaymentSnapshot:
        """Make the payment known; the payment's idempotency key goes along."""

    def status(self, provider_ref: str) -> PaymentSnapshot:
        """Ask how it stands."""

    def cancel(self, provider_ref: str) -> PaymentSnapshot:
        """Call off a payment nobody has paid. Raises Refused where the provider does not allow that (any more)."""

    def refund(self, refund: "Refund") -> RefundSnapshot:
        """Give money back; the refund's idempotency key goes along. Raises Refused if the provider will not."""

    def refund_status(self, refund: "Refund") -> RefundSnapshot:
        """Ask how a refund stands whose `provider_ref` is known."""

    def payments_between(self, start: datetime, end: datetime) -> Iterator[PaymentSnapshot]:
        """The provider's own list: payments made there from `start` on and before `end`, page by page.

        Raises NotOffered, with the first payment asked for, where there is no such list.
        """

    def verify(self, post: CallbackRequest) -> None:
        """Raises Forged if the callback cannot be the provider's; who does not sign is never refused."""

    def read_callback(self, body: bytes) -> CallbackHint:
        """Which payment a callback is about. Raises BadAnswer if it cannot be told."""


@runtime_checkable
class Capturing(Provider, Protocol):
    """A provider where money moves only by a second call of ours, once the buyer has agreed to pay."""

    def capture(self, provider_ref: str, idempotency_key: str) -> PaymentSnapshot:
        """Take the money of a payment that is authorized; the payment's own key. Repeated, it takes nothing twice."""
