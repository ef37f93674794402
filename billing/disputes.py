"""Disputes: rows that follow what the provider says of chargebacks, and what they take from the books.

A dispute is noticed by a callback, which asks about its payment, and by the nightly comparison. The provider decides;
an operator answers in the provider's own pages, and says here that it was done.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing import lookup
from billing.attention import require_attention
from billing.metrics import DISPUTES_TOTAL
from billing.models import Attention, Dispute, Payment
from billing.providers.base import DisputeSnapshot
from billing.states import UNDECIDED_DISPUTES, DisputeStatus
from config.actions import ActionRefused
from config.due.queue import database_now
from config.formats.sentences import stored

log = logging.getLogger(__name__)

LOST_ELSEWHERE = stored(gettext_noop("a dispute about %(amount)s was lost"))


class CannotAnswer(ActionRefused):
    """Nothing was changed; the message tells the operator why."""


def notice_held(payment: Payment, found: Sequence[DisputeSnapshot]) -> None:
    """Write what the provider says of the disputes of a locked payment. Lost ones leave the books: `lost_minor`."""
    if not found:
        return
    known = {row.provider_ref: row for row in Dispute.objects.filter(payment=payment)}
    now = database_now()
    for each in found:
        _notice(known.get(each.provider_ref) or _new(payment, each), each, now)
    lookup.remember(payment, [each.provider_ref for each in found])
    _count_lost(payment)


def answered(dispute_id: int, by: str, why: str) -> Dispute:
    """An operator has answered it in the provider's own pages, or accepted it there.

    Raises CannotAnswer unless the provider waits for an answer.
    """
    with transaction.atomic():
        row = Dispute.objects.select_for_update().get(pk=dispute_id)
        if row.status != DisputeStatus.OPEN:
            raise CannotAnswer(_("The provider does not wait for an answer about it."))
        row.answered_by, row.answered_why = by[:150], why[:200]
        row.save(update_fields=["answered_by", "answered_why"])
    log.info("dispute.answered", extra={"dispute": dispute_id, "by": by})
    return row


def undecided(payment: Payment) -> bool:
    """Does a dispute hold money of this payment back? An inquiry does not."""
    return Dispute.objects.filter(payment=payment, status__in=UNDECIDED_DISPUTES, is_inquiry=False).exists()


def _new(payment: Payment, found: DisputeSnapshot) -> Dispute:
    return Dispute(
        payment=payment, account=payment.account, provider_ref=found.provider_ref, opened_at=found.opened_at
    )  # fmt: skip


def _notice(row: Dispute, found: DisputeSnapshot, now: datetime) -> None:
    """Follow the provider. With another deadline it asks for another answer. An unknown status changes no status."""
    before = row.status
    if found.evidence_due_at != row.evidence_due_at:
        row.answered_by = row.answered_why = ""
    row.status = found.status or row.status or DisputeStatus.OPEN
    row.raw_status, row.reason, row.is_inquiry = found.raw_status, found.reason, found.is_inquiry
    row.amount_minor, row.currency, row.fee_minor = found.amount.minor, found.amount.currency, found.fee_minor
    row.evidence_due_at = found.evidence_due_at
    row.ended_at = None if row.status in UNDECIDED_DISPUTES else row.ended_at or now
    row.save()
    if row.status != before:
        fields = {"payment": row.payment_id, "dispute": row.pk, "amount": str(row.amount), "reason": row.reason}
        log.warning(f"dispute.{row.status}", extra=fields)
        transaction.on_commit(DISPUTES_TOTAL.labels(row.account, row.status).inc)


def _count_lost(payment: Payment) -> None:
    """An inquiry takes nothing; a lost one ends with a refund. A loss in another currency is for a person."""
    lost = Dispute.objects.filter(payment=payment, status=DisputeStatus.LOST, is_inquiry=False)
    received = payment.received
    ours = lost.filter(currency=received.currency) if received else lost.none()
    payment.lost_minor = ours.aggregate(minor=Sum("amount_minor"))["minor"] or 0
    other = lost.exclude(pk__in=ours.values("pk")).first()
    if other:
        require_attention(payment, Attention.REFUNDS_DIFFER, LOST_ELSEWHERE % {"amount": other.amount})
    payment.save(update_fields=["lost_minor", "attention", "attention_note"])
