"""The interface of all providers, and the types of their answers."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from billing.errors import BadAnswer, Forged
from billing.models import Advice, Payment, Refund
from billing.money import Money
from billing.states import DisputeStatus, RefundStatus, Status

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

    A payment whose capture was declined is PENDING again, with `advice`; its `declined_approval` names the approval.
    """

    status: Status | None
    raw_status: str
    provider_ref: str
    amount: Money
    reference: str
    reason: str = ""
    pay_url: str = ""
    refunded_minor: int = 0
    refs: tuple[str, ...] = ()
    """Further ids that the provider has for it: of its intent, its charge, its captures. If `provider_ref` is among
    them, a list names only the part.
    """
    advice: Advice = Advice.NONE
    """What helps the customer, if the last attempt to pay was declined."""
    is_working: bool = False
    """A pending payment: the customer has paid, and the bank is working on it."""
    approval: str = ""
    """Of an authorized payment of a capturing provider: names this approval of the buyer; another one is another."""
    approved_at: datetime | None = None
    """When the buyer gave it, if the provider says so."""
    declined_approval: str = ""
    is_disputed: bool = False
    """May there be disputes? They are asked for then, see `Disputing`."""
    disputes: "tuple[DisputeSnapshot, ...]" = ()
    is_partial: bool = False
    """From a list that does not say everything, such as what went back: ask about the payment itself."""


@dataclass(frozen=True)
class RefundSnapshot:
    """The provider's answer about one refund; `status` is None if the provider's status is unknown."""

    status: RefundStatus | None
    raw_status: str
    provider_ref: str
    amount: Money
    reason: str = ""


@dataclass(frozen=True)
class DisputeSnapshot:
    """The provider's answer about one dispute; `status` is None if the provider's status is unknown."""

    status: DisputeStatus | None
    raw_status: str
    provider_ref: str
    amount: Money
    opened_at: datetime
    reason: str = ""
    fee_minor: int = 0
    """In the dispute's currency; 0 if it is not known, or in another currency."""
    evidence_due_at: datetime | None = None
    is_inquiry: bool = False
    """No money was taken: the bank only asks."""


@dataclass(frozen=True)
class Movement:
    """A refund or a dispute that the provider lists on the day on which it moved money, whenever the payment was made.

    It only says which payment to ask about.
    """

    provider_ref: str
    """The id of the refund or the dispute."""
    refs: tuple[str, ...]
    """Ids of the payment: its own, or one of its intent, charge or capture."""
    reference: str = ""


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
    """The payment that a callback names. Nothing else in it is trusted: the provider is asked.

    `refs` are ids of the payment, its intent, charge, captures, refunds and disputes, the surest first.
    """

    refs: tuple[str, ...]
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

    forgets: timedelta | None
    """Age from which the provider may no longer know an unpaid payment, by its documents; None: it keeps all."""

    bank_longest: timedelta
    """How long a bank may work on a payment, by the provider's documents; after that a person must ask."""

    pay_hosts: tuple[str, ...]
    """Hosts of the pages where customers pay, by the provider's documents; `.example` stands for all hosts below it."""

    signature_headers: tuple[str, ...]
    """Headers of a callback that `verify` needs, in lower case."""

    def __init__(self, account: Account) -> None: ...

    @staticmethod
    def read_options(prefix: str) -> dict[str, str]:
        """Read an account's address and keys from settings whose names begin with `prefix`. Raises WrongSetting."""

    def check_amount(self, amount: Money) -> None:
        """Raises AmountNotAccepted for an amount that the provider does not take. Sends nothing."""

    def create(self, payment: Payment) -> PaymentSnapshot:
        """Create the payment, with its idempotency key. Checks the amount first."""

    def status(self, provider_ref: str) -> PaymentSnapshot:
        """Read the payment."""

    def cancel(self, provider_ref: str) -> PaymentSnapshot:
        """Cancel an unpaid payment. Raises Refused if the provider does not allow it."""

    def refund(self, refund: Refund) -> RefundSnapshot:
        """Create the refund, with its idempotency key. Raises Refused if the provider refuses it."""

    def refund_status(self, refund: Refund) -> RefundSnapshot:
        """Read a refund whose `provider_ref` is known."""

    def payments_between(self, start: datetime, end: datetime) -> Iterator[PaymentSnapshot | BadAnswer]:
        """Payments created there from `start`, before `end`; a BadAnswer for each row that cannot be read.

        The first raises NotOffered if there is no list.
        """

    def movements_between(self, start: datetime, end: datetime) -> Iterator[Movement | BadAnswer]:
        """Refunds and disputes of any payment, made there from `start`, before `end`; a BadAnswer for each row
        that cannot be read. The first raises NotOffered if there is no list.
        """

    def verify(self, post: CallbackRequest) -> bool:
        """Is it proven that the provider sent the callback? Raises Forged if it cannot have sent it."""

    def read_callback(self, body: bytes) -> CallbackHint:
        """Read which payment a callback names. Raises BadAnswer if it names none."""


@runtime_checkable
class Capturing(Provider, Protocol):
    """A provider that moves money only after a second call of ours, when the buyer has approved the payment."""

    def capture(self, answer: PaymentSnapshot, idempotency_key: str) -> PaymentSnapshot:
        """Take the money of an authorized payment. A repeat with the same key takes nothing twice.

        If the buyer's instrument is declined, the answer is PENDING, with the reason, an advice, and the approval that
        was declined: the buyer must approve again.
        """


@runtime_checkable
class Disputing(Provider, Protocol):
    """A provider that tells of disputes."""

    def disputes_of(self, answer: PaymentSnapshot) -> list[DisputeSnapshot]:
        """All disputes of the payment, whose fresh answer is given."""
