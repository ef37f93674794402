"""Attention: a row says that an operator must act, and is checked rarely until then."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Min, Model, Q, QuerySet
from django.utils.translation import gettext_noop

from billing import polling
from billing.errors import ProviderError, Refused, is_definite_no
from billing.limits import permits
from billing.models import Attention, Difference, Dispute, Payment, Proposal, Refund
from billing.models.payment import Followed
from billing.states import DisputeStatus, Status
from config.database.counts import capped, first, in_one_round_trip
from config.due.metrics import count_outcome
from config.due.queue import Due, database_now
from config.formats.sentences import stored

F = TypeVar("F", bound=Followed)

log = logging.getLogger(__name__)

UNKNOWN_STATUS = stored(gettext_noop("the provider says %(status)s"))
LOST_WORKERS = stored(gettext_noop("%(workers)s workers were lost"))


@dataclass(frozen=True)
class Attentive:
    """One kind of row that may need a person."""

    model: type[Model]
    needs_a_person: Q
    """Has a partial index."""

    since: str
    """The column that says when the row began."""

    def rows(self) -> QuerySet[Any]:
        """The rows that need a person, the newest first."""
        return self.model._default_manager.filter(self.needs_a_person).order_by("-pk")


ATTENTIVE = {
    "payment": Attentive(Payment, ~Q(attention=""), "created_at"),
    "refund": Attentive(Refund, ~Q(attention=""), "created_at"),
    "dispute": Attentive(Dispute, Q(status=DisputeStatus.OPEN, answered_by=""), "opened_at"),
    "proposal": Attentive(Proposal, Q(state=Proposal.State.WAITING), "asked_at"),
    "difference": Attentive(Difference, Q(state=Difference.State.PARKED), "found_at"),
}
"""Every kind of row that may need a person, by noun. The shop adds its orders."""


@dataclass(frozen=True)
class Waiting:
    """Rows of one kind that wait for a person, counted up to COUNTED_AT_MOST, and when the oldest of them began."""

    noun: str
    rows: int
    since: datetime | None


def waiting_for_a_person() -> list[Waiting]:
    """Of every kind, also of those of which no row waits; one question to the database."""
    kinds = ATTENTIVE.values()
    found = in_one_round_trip(
        *(capped(kind.rows(), "pk") for kind in kinds),
        *(first(kind.rows().reverse(), kind.since) for kind in kinds),
    )
    return [Waiting(*each) for each in zip(ATTENTIVE, found[: len(kinds)], found[len(kinds) :], strict=True)]


def first_deadlines() -> dict[str, datetime]:
    """By account: when the first of the disputes that nobody has answered must have been answered."""
    unanswered = ATTENTIVE["dispute"].rows().exclude(evidence_due_at=None)
    first = unanswered.values_list("account").annotate(due_at=Min("evidence_due_at")).order_by()
    return dict(first)


def require_attention(row: Followed, attention: Attention, note: str) -> None:
    """Mark the row, in memory. The log has one line for each new reason."""
    noun = row._meta.model_name or ""
    if row.attention != attention:
        log.error(f"{noun}.attention", extra={noun: row.pk, "reason": attention.value, "note": note})
        count_outcome(noun, "attention")
    row.attention, row.attention_note = attention, note[:200]


def withdraw_attention(row: Followed, attention: Attention) -> None:
    """The reason is gone: write that the locked row needs no operator for it. Another reason stays."""
    if row.attention == attention:
        row.attention, row.attention_note = Attention.NONE, ""
        row.save(update_fields=["attention", "attention_note"])


def note_error(queue: Due[F], row: F, account: str, error: ProviderError, *, unsent: bool) -> None:
    """Note that a check of the held row got no answer, and try again later.

    An error never decides about money. Only a definite refusal of a row that the provider never had ends it as failed.
    An error of the whole account is not counted as one of the row. A row that has ended is asked about a few times.
    """
    not_its_fault = permits.is_account_to_blame(account, error)
    if not not_its_fault:
        noun = row._meta.model_name or ""
        log.warning(f"{noun}.no_answer", extra={noun: row.pk, "outcome": error.outcome, "error": str(error)})
        _apply_error(row, error, unsent)
    if not row.is_open and (isinstance(error, Refused) or row.errors + 1 >= settings.PAYMENT_ATTEMPTS_LIMIT):
        queue.done(row)
    else:
        retry = queue.leave if not_its_fault else queue.put_off
        retry(row, polling.error_wait(row, error.retry_after_s))


def _apply_error(row: Followed, error: ProviderError, unsent: bool) -> None:
    """It needs an operator if the provider refused, or after too many errors in a row."""
    if not row.is_open:
        return
    if unsent and is_definite_no(error):
        row.reason = str(error)[:200]
        row.move(Status.FAILED)  # the same word for a refund
    elif isinstance(error, Refused):
        require_attention(row, Attention.REFUSED, str(error))
    elif row.errors + 1 >= settings.PAYMENT_ATTEMPTS_LIMIT:
        require_attention(row, Attention.ERRORS, str(error))


def park(queue: Due[F], row: F) -> None:
    """Put the row off by ATTENTION_INTERVAL_S. Its claims stay counted: only an answer clears them."""
    with queue.holding(row) as held:
        require_attention(held, Attention.WORKERS_LOST, LOST_WORKERS % {"workers": held.claims - 1})
        held.next_check_at = database_now(queue.database) + timedelta(seconds=settings.ATTENTION_INTERVAL_S)
        held.save(update_fields=["attention", "attention_note", "next_check_at"])
