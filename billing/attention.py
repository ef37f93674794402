"""A person must look: how a row says so, and how it is left alone meanwhile."""

import logging
from datetime import timedelta

from django.conf import settings

from billing.errors import ProviderError, Refused
from billing.models import Attention, Payment, Refund
from config.due.metrics import count_outcome
from config.due.queue import Due, R, database_now

log = logging.getLogger(__name__)


def require_attention(row: Payment | Refund, attention: Attention, note: str) -> None:
    """In memory; the log tells it once for each reason."""
    noun = row._meta.model_name or ""
    if row.attention != attention:
        log.error(f"{noun}.attention", extra={noun: row.pk, "reason": attention.value, "note": note})
        count_outcome(noun, "attention")
    row.attention, row.attention_note = attention, note[:200]


def count_error(row: Payment | Refund, error: ProviderError) -> None:
    """An error that decides nothing: it calls for a person if the provider said no, or if there were too many."""
    if isinstance(error, Refused):
        require_attention(row, Attention.REFUSED, str(error))
    elif row.errors + 1 >= settings.PAYMENT_ATTEMPTS_LIMIT:
        require_attention(row, Attention.ERRORS, str(error))


def park(kind: Due[R], row: R) -> None:
    """Leave it alone for long. Its claims stay counted: only an answer clears them."""
    with kind.holding(row) as held:
        assert isinstance(held, Payment | Refund)  # noqa: S101 (for the type checker)
        require_attention(held, Attention.WORKERS_LOST, f"{held.claims - 1} workers did not come back")
        held.next_check_at = database_now(kind.database) + timedelta(seconds=settings.ATTENTION_INTERVAL_S)
        held.save(update_fields=["attention", "attention_note", "next_check_at"])
