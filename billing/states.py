"""The states of a payment, and every arrow between them.

                    ┌────────────── authorized ──────────────┐
                    │                ▲   │                   ▼
    created ──▶ pending ─────────────┘   │               succeeded
       │            │                    │                   ▲
       └────────────┴──────────┬─────────┘                   │ late money: the provider
                               ▼                             │ took it after all
                   canceled · expired · failed ──────────────┘

A later failure never undoes success, so nothing leaves `succeeded`; refunds are rows of their own. Late success is
allowed from every other end, because money that was taken must never go unnoticed.
"""

from django.db.models import TextChoices


class Status(TextChoices):
    """What is known of a payment."""

    CREATED = "created", "created"  # ours alone: the provider has not confirmed that it knows the payment
    PENDING = "pending", "pending"  # the customer has not paid yet
    AUTHORIZED = "authorized", "authorized"  # the money is held, not taken
    SUCCEEDED = "succeeded", "succeeded"  # the money is ours
    CANCELED = "canceled", "canceled"  # the customer or the shop called it off
    EXPIRED = "expired", "expired"  # nobody paid in time
    FAILED = "failed", "failed"  # refused: by the bank, or by the provider when it was created


OPEN_STATES = frozenset({Status.CREATED, Status.PENDING, Status.AUTHORIZED})
"""States in which the outcome is not known: the payment has an appointment, and no second one may be started."""

UNPAID_END_STATES = frozenset({Status.CANCELED, Status.EXPIRED, Status.FAILED})

END_STATES = UNPAID_END_STATES | {Status.SUCCEEDED}

PAYMENT_ARROWS: dict[Status, frozenset[Status]] = {
    Status.CREATED: frozenset({Status.PENDING, Status.AUTHORIZED}) | END_STATES,
    Status.PENDING: frozenset({Status.AUTHORIZED}) | END_STATES,
    Status.AUTHORIZED: END_STATES,
    **dict.fromkeys(UNPAID_END_STATES, frozenset({Status.SUCCEEDED})),
    Status.SUCCEEDED: frozenset(),
}


class RefundStatus(TextChoices):
    """What is known of a refund: created ──▶ pending ──▶ succeeded · canceled · failed.

    Any end may come at once, and nothing leads back: what ended has ended.
    """

    CREATED = "created", "created"  # ours alone: the provider has not confirmed that it knows the refund
    PENDING = "pending", "pending"  # on its way
    SUCCEEDED = "succeeded", "succeeded"  # the customer has the money
    CANCELED = "canceled", "canceled"  # the provider did not carry it out
    FAILED = "failed", "failed"  # refused, or sent back by the customer's bank


OPEN_REFUND_STATES = frozenset({RefundStatus.CREATED, RefundStatus.PENDING})

END_REFUND_STATES = frozenset(RefundStatus) - OPEN_REFUND_STATES

REFUND_ARROWS: dict[RefundStatus, frozenset[RefundStatus]] = {
    RefundStatus.CREATED: frozenset({RefundStatus.PENDING}) | END_REFUND_STATES,
    RefundStatus.PENDING: END_REFUND_STATES,
    **dict.fromkeys(END_REFUND_STATES, frozenset()),
}


class ForbiddenArrow(ValueError):
    """There is no arrow between these states."""

    def __init__(self, noun: str, source: str, target: str) -> None:
        super().__init__(f"a {noun} does not go from {source} to {target}")


def check_arrow(source: Status, target: Status) -> None:
    """Raises ForbiddenArrow if a payment may not go from one state to the other."""
    if target not in PAYMENT_ARROWS[source]:
        raise ForbiddenArrow("payment", source, target)


def check_refund_arrow(source: RefundStatus, target: RefundStatus) -> None:
    """Raises ForbiddenArrow if a refund may not go from one state to the other."""
    if target not in REFUND_ARROWS[source]:
        raise ForbiddenArrow("refund", source, target)
