"""Payments as JSON: for the commands and the console."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from billing.explain.standing import standing
from billing.explain.timeline import in_order, of_payments
from billing.models import Dispute, Payment, Refund
from billing.payments.service import History
from billing.states import OPEN_STATES
from config.due.queue import database_now

PLAIN_FIELDS = (
    "id", "reference", "account", "provider_ref", "status", "raw_status", "reason", "advice", "attention",
    "attention_note", "found_by", "errors", "claims", "created_at", "window_ends_at", "returned_at", "working_since",
    "cancel_asked_at", "next_check_at", "ended_at", "decided_by", "decided_why", "pay_url",
)  # fmt: skip


def serialize_payment(payment: Payment) -> dict[str, Any]:
    sums = {"amount": payment.amount, "received": payment.received, "left": payment.left}
    return {
        **{name: getattr(payment, name) for name in PLAIN_FIELDS},
        **{name: each and each.as_json() for name, each in sums.items()},
    }


def serialize_story(payment: Payment, history: History) -> dict[str, Any]:
    """The payment, its state with the reason, its timeline, its further ids, refunds and disputes."""
    return {
        "payment": serialize_payment(payment),
        "standing": standing(payment, database_now()),
        "timeline": [
            {"at": entry.at, "text": entry.text, "trouble": entry.trouble} for entry in in_order(of_payments(history))
        ],
        "provider_ids": list(payment.provider_ids.values_list("ref", flat=True)),
        "disputes": [_dispute(each) for each in history.disputes if each.payment_id == payment.pk],
        "refunds": [_refund(each) for each in history.refunds if each.payment_id == payment.pk],
    }


def filter_payments(
    account: str | None, status: str | None, *, due_at: datetime | None, begun_before: datetime | None
) -> QuerySet[Payment]:
    """Payments that match all given filters: newest first, or longest due first with `due_at`."""
    filters = Q(account=account) if account else Q()
    filters &= Q(status=status) if status else Q()
    filters &= Q(next_check_at__isnull=False) if status in OPEN_STATES else Q()  # these are few and have an index
    filters &= Q(next_check_at__lte=due_at) if due_at else Q()
    filters &= Q(created_at__lt=begun_before) if begun_before else Q()
    return Payment.objects.filter(filters).order_by("next_check_at" if due_at else "-pk")


def _dispute(dispute: Dispute) -> dict[str, Any]:
    names = ("id", "provider_ref", "status", "reason", "is_inquiry", "evidence_due_at", "answered_by", "ended_at")
    sums = {"amount": dispute.amount.as_json(), "fee": dispute.fee.as_json()}
    return {**sums, **{name: getattr(dispute, name) for name in names}}


def _refund(refund: Refund) -> dict[str, Any]:
    names = ("id", "status", "attention", "wanted_by", "why", "reason", "created_at", "next_check_at", "ended_at")
    return {"amount": refund.amount.as_json(), **{name: getattr(refund, name) for name in names}}
