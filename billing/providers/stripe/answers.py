"""What Stripe answers, in our terms. Sources: see adapter.py."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from billing.errors import BadAnswer
from billing.models import Advice
from billing.providers.base import CallbackHint, DisputeSnapshot, Movement, PaymentSnapshot, RefundSnapshot
from billing.providers.fields import (
    Json,
    address,
    callback_hint,
    id_or_nothing,
    joined,
    objects_or_none,
    part,
    refund_snapshot,
    text,
    text_or_nothing,
)
from billing.providers.http import Complaint, parameter, read_json, retry_after_s, word
from billing.providers.ids import Ids
from billing.providers.stripe.amounts import from_stripe
from billing.states import DisputeStatus, RefundStatus, Status

IDS = Ids(r"[A-Za-z0-9_]{1,200}")
"""A prefix, and letters and digits, like `cs_test_a1B2…`. Stripe allows 255 characters; a row holds 200."""

INTENTS = {  # PaymentIntent.status; a declined payment stays open, because the customer may try again
    "requires_payment_method": Status.PENDING,
    "requires_confirmation": Status.PENDING,
    "requires_action": Status.PENDING,
    "processing": Status.PENDING,
    "requires_capture": Status.AUTHORIZED,
    "succeeded": Status.SUCCEEDED,
    "canceled": Status.CANCELED,
}

REFUND_STATUSES = {  # Refund.status
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.CANCELED,
}

DISPUTES = {  # Dispute.status; `prevented` depends on the money. A closed inquiry leaves the money with the shop
    "warning_needs_response": DisputeStatus.OPEN,
    "warning_under_review": DisputeStatus.REVIEW,
    "warning_closed": DisputeStatus.WON,
    "needs_response": DisputeStatus.OPEN,
    "under_review": DisputeStatus.REVIEW,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
}

# The "next steps" of https://docs.stripe.com/declines/codes, and the codes of https://docs.stripe.com/error-codes that
# come without a decline code. Stripe asks to present `fraudulent`, `lost_card`, `stolen_card` and `merchant_blacklist`
# like `generic_decline`.
DECLINES = {
    code: advice
    for advice, codes in {
        Advice.AGAIN: """
            approve_with_id authentication_required duplicate_transaction incorrect_address incorrect_cvc
            incorrect_number incorrect_pin incorrect_zip invalid_cvc invalid_expiry_month invalid_expiry_year
            invalid_number invalid_pin issuer_not_available mobile_device_authentication_required no_action_taken
            offline_pin_required online_or_offline_pin_required partner_duplicate_transaction partner_payment_not_found
            partner_processing_error payment_intent_authentication_failure payment_intent_payment_attempt_expired
            payment_intent_payment_attempt_failed payment_method_customer_decline payment_method_not_available
            payment_method_provider_timeout processing_error reenter_transaction try_again_later
        """,
        Advice.OTHER: """
            account_closed bank_account_restricted compliance_violation expired_card expired_payment_information
            insufficient_funds invalid_authorization invalid_billing_agreement invalid_payment_information
            partner_action_not_supported partner_expired_card partner_generic_decline partner_high_risk_customer
            partner_insufficient_funds partner_invalid_amount partner_invalid_currency payment_limit_exceeded
            payment_method_bank_account_blocked payment_method_currency_mismatch payment_method_provider_decline
            pin_try_exceeded recurring_not_supported_by_bank testmode_decline withdrawal_count_limit_exceeded
        """,
        Advice.BANK: """
            call_issuer card_decline_rate_limit_exceeded card_declined card_not_supported card_velocity_exceeded
            currency_not_supported debit_not_authorized do_not_honor do_not_try_again fraudulent generic_decline
            invalid_account invalid_amount invalid_customer_account lost_card merchant_blacklist
            new_account_information_available not_permitted payment_disputed pickup_card restricted_card
            revocation_of_all_authorizations revocation_of_authorization security_violation service_not_allowed
            stolen_card stop_payment_order transaction_not_allowed
        """,
    }.items()
    for code in codes.split()
}


def session_answer(session: Json) -> PaymentSnapshot:
    """`payment_status` is about the money, `status` only about the page. The taken sum is that of the intent.

    On a complete page the customer has nothing left to do there: if it is unpaid, a bank works on it.
    """
    intent = _object(session.get("payment_intent"))
    page_status, paid = text(session, "status"), text(session, "payment_status")
    status = _session_status(page_status, paid, intent.get("status"))
    taken = status == Status.SUCCEEDED and "amount_received" in intent
    unneeded = paid if status == Status.FAILED and not intent else ""
    return PaymentSnapshot(
        status=status,
        raw_status=joined(page_status, paid),
        provider_ref=IDS.read(session),
        amount=from_stripe(intent, "amount_received") if taken else from_stripe(session, "amount_total"),
        reference=_reference(session),
        reason=_reason(intent) or unneeded,
        pay_url=address(session, "url"),
        refunded_minor=_refunded(intent),
        refs=_ids(session.get("payment_intent"), intent.get("latest_charge")),
        advice=_advice(intent),
        is_working=status == Status.PENDING and page_status == "complete",
        is_disputed=_object(intent.get("latest_charge")).get("disputed") is True,
    )


def listed_answer(session: Json) -> PaymentSnapshot | None:
    """None for a session of another use that cost nothing: one that only stores a card (mode `setup`), a free trial."""
    costs = session.get("amount_total") or session.get("payment_intent")
    return session_answer(session) if costs else None


def _session_status(status: str, paid: str, intent: object) -> Status | None:
    """Complete and unpaid: the bank has not decided yet. If it declines, the intent requires another payment method,
    but the session's page is closed, so the payment failed (event checkout.session.async_payment_failed).

    `no_payment_required` without an intent took no money and never will, so it pays no order of ours: it failed, and
    the customer may try again.
    """
    if paid == "paid":
        return Status.SUCCEEDED
    if paid not in ("unpaid", "no_payment_required") or status not in ("open", "complete", "expired"):
        return None
    if status != "complete":
        return Status.PENDING if status == "open" else Status.EXPIRED
    if intent == "requires_payment_method":
        return Status.FAILED
    if intent:
        return INTENTS.get(str(intent))
    return Status.PENDING if paid == "unpaid" else Status.FAILED


def intent_answer(intent: Json) -> PaymentSnapshot:
    raw_status = text(intent, "status")
    status = INTENTS.get(raw_status)
    return PaymentSnapshot(
        status=status,
        raw_status=raw_status,
        provider_ref=IDS.read(intent),
        amount=from_stripe(intent, "amount_received" if status == Status.SUCCEEDED else "amount"),
        reference=_reference(intent),
        reason=_reason(intent),
        refunded_minor=_refunded(intent),
        refs=_ids(intent.get("latest_charge")),
        advice=_advice(intent),
        is_working=raw_status == "processing",
        is_disputed=_object(intent.get("latest_charge")).get("disputed") is True,
    )


def refund_answer(refund: Json) -> RefundSnapshot:
    reason = text_or_nothing(refund, "failure_reason")
    return refund_snapshot(IDS.read(refund), refund, REFUND_STATUSES, from_stripe(refund, "amount"), reason)


def dispute_answer(dispute: Json) -> DisputeSnapshot:
    raw_status, amount = text(dispute, "status"), from_stripe(dispute, "amount")
    return DisputeSnapshot(
        status=_without_money(dispute) if raw_status == "prevented" else DISPUTES.get(raw_status),
        raw_status=raw_status,
        provider_ref=IDS.read(dispute),
        amount=amount,
        opened_at=_moment(dispute, "created"),
        reason=text_or_nothing(dispute, "reason"),
        fee_minor=_fee(dispute, amount.currency),
        evidence_due_at=_due(part(dispute, "evidence_details")),
        is_inquiry=raw_status.startswith("warning_"),
    )


def movement(row: Json) -> Movement | None:
    """A refund or a dispute; None if it names no payment."""
    refs = _ids(row.get("payment_intent"), row.get("charge"))
    return Movement(text(row, "id"), refs) if refs else None


def read_hint(body: bytes) -> CallbackHint:
    """An event is about a session, an intent, or a part of one: a charge, a refund, a dispute."""
    event = read_json(body)
    subject = part(part(event, "data"), "object")
    own, charge = id_or_nothing(subject), subject.get("charge")
    parents = _ids(subject.get("payment_intent"), _object(charge).get("payment_intent"), charge)
    is_payment = subject.get("object") in ("checkout.session", "payment_intent")
    ids = (own, *parents) if is_payment else (*parents, own)
    return callback_hint([*ids, *_ids(subject.get("latest_charge"))], _reference(subject), text(event, "type"))


def read_complaint(status: int, headers: Mapping[str, str], body: Json) -> Complaint:
    """The header Stripe-Should-Retry decides. Stripe's own clients obey it, and without it repeat 409 and 5xx.

    https://github.com/stripe/stripe-python/blob/master/stripe/_http_client.py. A 5xx with `false` is stored. A key that
    was used with another form (`idempotency_error`) says nothing about the outcome of the first request.
    """
    error = part(body, "error")
    should_retry = headers.get("Stripe-Should-Retry", "")
    undecided = status in (409, 424) or error.get("type") == "idempotency_error"
    return Complaint(
        code=word(error.get("code")) or word(error.get("type")),
        parameter=parameter(error.get("param")),
        retry_after_s=retry_after_s(headers),
        undecided=undecided or should_retry == "true",
        stored=status >= 500 and should_retry == "false",
    )


def _object(value: object) -> dict[str, Any]:
    """An object that was expanded; empty if only its id is there, or nothing."""
    return value if isinstance(value, dict) else {}


def _ids(*values: object) -> tuple[str, ...]:
    return tuple(filter(None, map(id_or_nothing, values)))


def _reference(fields: Json) -> str:
    found = text_or_nothing(fields, "client_reference_id")
    return found or text_or_nothing(part(fields, "metadata"), "reference")


def _reason(intent: Json) -> str:
    return word(intent.get("cancellation_reason")) or next(iter(_declines(intent)), "")


def _advice(intent: Json) -> Advice:
    return next((DECLINES[code] for code in _declines(intent) if code in DECLINES), Advice.NONE)


def _declines(intent: Json) -> list[str]:
    """Why the last attempt was declined: the bank's reason, then Stripe's."""
    error = part(intent, "last_payment_error")
    return list(filter(None, map(word, (error.get("decline_code"), error.get("code")))))


def _refunded(intent: Json) -> int:
    charge = _object(intent.get("latest_charge"))
    if not charge.get("amount_refunded"):
        return 0
    return from_stripe({**charge, "currency": intent.get("currency")}, "amount_refunded").minor


def _without_money(dispute: Json) -> DisputeStatus:
    """A dispute that Stripe settled before it was one: lost if it left the account with less.

    https://docs.stripe.com/changelog/basil/2025-08-27/add-preventions-to-dispute
    """
    moved = [each.get("amount") for each in objects_or_none(dispute, "balance_transactions")]
    return DisputeStatus.LOST if sum(each for each in moved if type(each) is int) < 0 else DisputeStatus.WON


def _fee(dispute: Json, currency: str) -> int:
    """What the balance transactions charge for it in its own currency, less what they give back."""
    transactions = objects_or_none(dispute, "balance_transactions")
    fees = [each.get("fee") for each in transactions if str(each.get("currency")).upper() == currency]
    counted = sum(fee for fee in fees if type(fee) is int)
    return from_stripe({"fee": max(0, counted), "currency": currency}, "fee").minor


def _due(details: Json) -> datetime | None:
    """`due_by` is 0 if the bank takes no answer."""
    return _moment(details, "due_by") if details.get("due_by") else None


def _moment(fields: Json, name: str) -> datetime:
    """A time in Unix seconds."""
    seconds = fields.get(name)
    if type(seconds) is not int or not 0 < seconds < 10**11:
        raise BadAnswer(f"the field {name!r} is not a time")
    return datetime.fromtimestamp(seconds, UTC)
