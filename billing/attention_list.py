"""What a person must look at, and what that person can do about it.

Whoever sells adds a source of its own (ATTENTION_SOURCES): money that an order did not wait for is the shop's case.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Model, Q
from django.utils.module_loading import import_string

from billing.admin import page_of
from billing.admin.ways_out import WayOut
from billing.admin.ways_out_of_payments import OF_PAYMENTS, OF_REFUNDS
from billing.models import Difference, Payment, Refund

CALLS_FOR_A_PERSON = ~Q(attention="")


@dataclass(frozen=True)
class Case:
    """One row that a person must look at."""

    noun: str
    key: int
    reference: str
    begun_at: datetime
    what: str
    note: str
    ways_out: tuple[str, ...]
    page: str
    """Where the ways out are taken."""


def every_case(limit: int) -> list[Case]:
    """Those of all sources, the newest of each first, so many of each at the most."""
    return [case for name in settings.ATTENTION_SOURCES for case in import_string(name)(limit)]


def cases(limit: int) -> list[Case]:
    """Those of billing: payments, refunds, and differences with a provider's books."""
    return [*_of_payments(limit), *_of_refunds(limit), *_of_differences(limit)]


def page(model: type[Model], key: int) -> str:
    """The address of the row's page."""
    return settings.SHOP_URL + page_of(model, key)


def offered(ways: Iterable[WayOut], row: Any) -> tuple[str, ...]:
    """The titles of those that make sense for this row now."""
    return tuple(way.title for way in ways if way.offered(row))


def _of_payments(limit: int) -> Iterator[Case]:
    for payment in Payment.objects.filter(CALLS_FOR_A_PERSON).order_by("-pk")[:limit]:
        look = ("Look now",) if payment.is_open else ()
        yield Case(
            "payment", payment.pk, payment.reference, payment.created_at, payment.get_attention_display(),
            payment.attention_note, look + offered(OF_PAYMENTS, payment), page(Payment, payment.pk),
        )  # fmt: skip


def _of_refunds(limit: int) -> Iterator[Case]:
    rows = Refund.objects.filter(CALLS_FOR_A_PERSON).select_related("payment").order_by("-pk")
    for refund in rows[:limit]:
        look = ("Look now",) if refund.is_open else ()
        yield Case(
            "refund", refund.pk, refund.payment.reference, refund.created_at, refund.get_attention_display(),
            refund.attention_note, look + offered(OF_REFUNDS, refund), page(Refund, refund.pk),
        )  # fmt: skip


def _of_differences(limit: int) -> Iterator[Case]:
    for found in Difference.objects.filter(state=Difference.State.PARKED).order_by("-pk")[:limit]:
        note = f"we have {found.ours or 'nothing'}, they have {found.theirs or 'nothing'}"
        yield Case(
            "difference", found.pk, found.reference or found.provider_ref, found.found_at, found.get_kind_display(),
            note, ("Resolved, with a reason",), page(Difference, found.pk),
        )  # fmt: skip
