"""The attention list of the command line, in English: rows that a person must look at, and what helps.

A shop adds its own by ATTENTION_SOURCES.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Model
from django.utils.module_loading import import_string

from billing.actions import OF_DIFFERENCES, OF_DISPUTES, OF_PAYMENTS, OF_REFUNDS
from billing.admin.bases import page_of
from billing.admin.proposals import OF_PROPOSALS
from billing.attention import ATTENTIVE
from billing.four_eyes import action_of, subject_of
from billing.models import Payment
from config.actions import Action
from config.actions.admin import offers
from config.cli.tables import moment


@dataclass(frozen=True)
class Item:
    """One row that a person must look at."""

    noun: str
    key: int
    name: str
    """What was paid for, as people call it."""

    reference: str
    begun_at: datetime
    what: str
    note: str
    resolutions: tuple[str, ...]
    page: str
    """Where the person does it."""


def all_items(limit: int) -> list[Item]:
    """Those of all sources, the newest of each first, at most `limit` of each."""
    return [item for name in settings.ATTENTION_SOURCES for item in import_string(name)(limit)]


def items(limit: int) -> list[Item]:
    """Those of billing: payments, refunds, disputes, proposals, and differences with a provider's books."""
    return [
        *_of_payments(limit), *_of_refunds(limit), *_of_disputes(limit), *_of_proposals(limit), *_of_differences(limit),
    ]  # fmt: skip


def item(
    row: Model, actions: Sequence[Action], paid_for: tuple[str, str], begun_at: datetime, what: str, note: str
) -> Item:
    """The row with what can be done about it, as the row's page offers it. `paid_for` is a name and a reference."""
    titles = tuple(offer.title for offer in offers(actions, row))
    page = settings.SHOP_URL + page_of(type(row), row.pk)
    return Item(row._meta.model_name or "", row.pk, *paid_for, begun_at, what, note, titles, page)


def _of_payments(limit: int) -> Iterator[Item]:
    for row in ATTENTIVE["payment"].rows()[:limit]:
        paid_for, what = _paid_for(row), row.get_attention_display()
        yield item(row, OF_PAYMENTS, paid_for, row.created_at, what, row.attention_note)


def _of_refunds(limit: int) -> Iterator[Item]:
    for row in ATTENTIVE["refund"].rows().select_related("payment")[:limit]:
        paid_for, what = _paid_for(row.payment), row.get_attention_display()
        yield item(row, OF_REFUNDS, paid_for, row.created_at, what, row.attention_note)


def _of_disputes(limit: int) -> Iterator[Item]:
    for row in ATTENTIVE["dispute"].rows().select_related("payment")[:limit]:
        what = f"a dispute about {row.amount}, {row.reason}"
        due = f"to be answered by {moment(row.evidence_due_at)} UTC" if row.evidence_due_at else "to be answered"
        yield item(row, OF_DISPUTES, _paid_for(row.payment), row.opened_at, what, due)


def _of_proposals(limit: int) -> Iterator[Item]:
    for row in ATTENTIVE["proposal"].rows()[:limit]:
        about = subject_of(row).row
        what = f"{action_of(row).title} {row.amount}, proposed by {row.asked_by}"
        yield item(row, OF_PROPOSALS, (str(about), str(row.subject)), row.asked_at, what, row.why)


def _of_differences(limit: int) -> Iterator[Item]:
    for row in ATTENTIVE["difference"].rows().select_related("payment")[:limit]:
        theirs = row.reference or row.provider_ref
        paid_for = (row.payment.description if row.payment else theirs, theirs)
        yield item(row, OF_DIFFERENCES, paid_for, row.found_at, row.get_kind_display(), row.sides)


def _paid_for(payment: Payment) -> tuple[str, str]:
    return payment.description, payment.reference
