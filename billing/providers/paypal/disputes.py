"""PayPal's disputes: customer_disputes_v1.json."""

from billing.money import Money
from billing.providers.base import DisputeSnapshot
from billing.providers.fields import (
    Json,
    joined,
    moment,
    moment_or_none,
    money,
    objects_or_none,
    part,
    text,
    text_or_nothing,
)
from billing.providers.paypal.answers import IDS
from billing.states import DisputeStatus

STATUSES = {  # status, but for RESOLVED and OTHER, which say nothing
    "OPEN": DisputeStatus.OPEN,
    "WAITING_FOR_SELLER_RESPONSE": DisputeStatus.OPEN,
    "WAITING_FOR_BUYER_RESPONSE": DisputeStatus.REVIEW,
    "UNDER_REVIEW": DisputeStatus.REVIEW,
}

OUTCOMES = {  # dispute_outcome.outcome_code. With a payout PayPal itself pays; NONE: another dispute goes on
    "RESOLVED_BUYER_FAVOUR": DisputeStatus.LOST,
    "RESOLVED_SELLER_FAVOUR": DisputeStatus.WON,
    "RESOLVED_WITH_PAYOUT": DisputeStatus.WON,
    "CANCELED_BY_BUYER": DisputeStatus.WON,
    "ACCEPTED": DisputeStatus.LOST,
    "DENIED": DisputeStatus.WON,
    "NONE": DisputeStatus.WON,
}

FEES = frozenset({"DISPUTE_FEE", "CHARGEBACK_FEE", "DISPUTE_SETTLEMENT_FEE"})
"""money_movement_reason"""


def dispute_answer(dispute: Json) -> DisputeSnapshot:
    """Of a lost dispute, the sum that the customer got back. In the stage INQUIRY buyer and seller still talk."""
    raw_status, outcome = text(dispute, "status"), part(dispute, "dispute_outcome")
    code = text_or_nothing(outcome, "outcome_code")
    status = OUTCOMES.get(code) if raw_status == "RESOLVED" else STATUSES.get(raw_status)
    is_refunded = status == DisputeStatus.LOST and outcome.get("amount_refunded") is not None
    source, name = (outcome, "amount_refunded") if is_refunded else (dispute, "dispute_amount")
    amount = money(source, name, "currency_code")
    return DisputeSnapshot(
        status=status,
        raw_status=joined(raw_status, code),
        provider_ref=IDS.read(dispute, "dispute_id"),
        amount=amount,
        opened_at=moment(dispute, "create_time"),
        reason=text_or_nothing(dispute, "reason"),
        fee_minor=max(0, sum(_fee(each, amount.currency) for each in objects_or_none(dispute, "money_movements"))),
        evidence_due_at=moment_or_none(dispute, "seller_response_due_date"),
        is_inquiry=dispute.get("dispute_life_cycle_stage") == "INQUIRY",
    )


def _fee(movement: Json, currency: str) -> int:
    """What the movement charges us, or gives back (less than nothing), in this currency."""
    if str(movement.get("reason")) not in FEES or movement.get("affected_party") != "SELLER":
        return 0
    amount: Money = money(movement, "amount", "currency_code")
    sign = {"DEBIT": 1, "CREDIT": -1}.get(str(movement.get("type")), 0)
    return sign * amount.minor if amount.currency == currency else 0
