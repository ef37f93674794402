"""The states of a payment, and every arrow between them.

                    ┌────────────── authorized ──────────────┐
                    │                ▲   │                   ▼
    created ──▶ pending ─────────────┘   │               succeeded
       │            │                    │                   ▲
       └────────────┴──────────┬─────────┘                   │ late payment: the provider
                               ▼                             │ took the money after all
                   canceled · expired · failed ──────────────┘

A later failure never undoes success, so nothing leaves `succeeded`; refunds are rows of their own. A late success is
allowed from every other end state, because money that was taken must never go unnoticed.
"""

from collections.abc import Mapping
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Status(TextChoices):
    CREATED = (
        "created",
        pgettext_lazy("state", "created"),
    )  # known here only: the provider has not confirmed the payment
    PENDING = "pending", pgettext_lazy("payment", "pending")  # the customer has not paid yet
    AUTHORIZED = "authorized", pgettext_lazy("state", "authorized")  # the money is held, not taken
    SUCCEEDED = "succeeded", pgettext_lazy("payment", "succeeded")  # the money is ours
    CANCELED = "canceled", pgettext_lazy("state", "canceled")  # by the customer or the shop
    EXPIRED = "expired", pgettext_lazy("payment", "expired")  # not paid in time
    FAILED = "failed", pgettext_lazy("state", "failed")  # refused: by the bank, or by the provider when it was created


OPEN_STATES = frozenset({Status.CREATED, Status.PENDING, Status.AUTHORIZED})
"""The outcome is not known: the payment has a next check, and no second payment may be started."""

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
    """The state of a refund: created ──▶ pending ──▶ succeeded · canceled · failed. An end may follow at once.

    A bank may return a refund days later: then one that succeeded has failed.
    """

    CREATED = "created", pgettext_lazy("state", "created")  # known here only: the provider has not confirmed the refund
    PENDING = "pending", pgettext_lazy("refund", "pending")  # on its way
    SUCCEEDED = "succeeded", pgettext_lazy("refund", "succeeded")  # the customer has the money
    CANCELED = "canceled", pgettext_lazy("state", "canceled")  # the provider did not carry it out
    FAILED = "failed", pgettext_lazy("state", "failed")  # refused, or sent back by the customer's bank


OPEN_REFUND_STATES = frozenset({RefundStatus.CREATED, RefundStatus.PENDING})

END_REFUND_STATES = frozenset(RefundStatus) - OPEN_REFUND_STATES

REFUND_ARROWS: dict[RefundStatus, frozenset[RefundStatus]] = {
    RefundStatus.CREATED: frozenset({RefundStatus.PENDING}) | END_REFUND_STATES,
    RefundStatus.PENDING: END_REFUND_STATES,
    **dict.fromkeys(END_REFUND_STATES, frozenset()),
    RefundStatus.SUCCEEDED: frozenset({RefundStatus.FAILED}),
}


class DisputeStatus(TextChoices):
    """The state of a dispute, a chargeback among them, as the provider has it. Every state may follow every other: the
    provider decides, and a lost dispute may be opened again.
    """

    OPEN = "open", _("open: the shop must answer")
    REVIEW = "review", _("answered: the bank decides")
    WON = "won", _("won: the shop keeps the money")
    LOST = "lost", _("lost: the customer has the money")


UNDECIDED_DISPUTES = frozenset({DisputeStatus.OPEN, DisputeStatus.REVIEW})


class ForbiddenArrow(ValueError):
    """There is no arrow between these states."""


def check_arrow(noun: str, arrows: Mapping[Any, frozenset[Any]], source: str, target: str) -> None:
    """Raises ForbiddenArrow if none of the arrows leads from `source` to `target`."""
    if target not in arrows[source]:
        raise ForbiddenArrow(f"a {noun} does not go from {source} to {target}")
