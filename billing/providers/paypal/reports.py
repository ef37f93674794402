"""PayPal's list of transactions: reporting_transactions_v1.json.

https://developer.paypal.com/docs/transaction-search/transaction-event-codes
"""

from datetime import datetime

from billing.providers.base import Movement, PaymentSnapshot
from billing.providers.fields import Json, id_or_nothing, moment, money, part, text, text_or_nothing
from billing.states import Status

STATUSES = {"S": Status.SUCCEEDED, "V": Status.SUCCEEDED, "P": Status.PENDING, "D": Status.FAILED}
"""transaction_status. V: "a successful transaction was fully reversed", and the row does not say by what. Each refund
has a row of its own.
"""

PAYMENTS = ("T00",)
"""Payments between accounts."""

MOVEMENTS = ("T11", "T12")
"""Reversals, refunds, holds for disputes; chargebacks and other adjustments."""


def payment_row(row: Json, start: datetime, end: datetime) -> PaymentSnapshot | None:
    """A payment to us; None for any other row.

    With the order's id if PayPal refers to it, else the transaction's own id, which is the capture's.
    """
    info = part(row, "transaction_info")
    if not _is_one_of(PAYMENTS, info, start, end):
        return None
    amount, raw_status = money(info, "transaction_amount", "currency_code"), text(info, "transaction_status")
    status, transaction = STATUSES.get(raw_status), text(info, "transaction_id")
    order = id_or_nothing(info.get("paypal_reference_id")) if info.get("paypal_reference_id_type") == "ODR" else ""
    answer = PaymentSnapshot(
        status=status,
        raw_status=raw_status,
        provider_ref=order or transaction,
        amount=amount,
        reference=_reference(info),
        refs=(transaction,),
        is_working=status == Status.PENDING,
        is_partial=raw_status == "V",
    )
    return answer if amount.minor >= 0 else None  # less than nothing: we paid it


def movement_row(row: Json, start: datetime, end: datetime) -> Movement | None:
    """A refund, a reversal or a chargeback of a payment; None for any other row, and for one that names no payment."""
    info = part(row, "transaction_info")
    if not _is_one_of(MOVEMENTS, info, start, end):
        return None
    of_payment, reference = id_or_nothing(info.get("paypal_reference_id")), _reference(info)
    if not of_payment and not reference:
        return None
    return Movement(text(info, "transaction_id"), (of_payment,) if of_payment else (), reference)


def _is_one_of(groups: tuple[str, ...], info: Json, start: datetime, end: datetime) -> bool:
    """Of one of these groups of event codes, and of this period: PayPal includes its end, we do not."""
    is_group = str(info.get("transaction_event_code")).startswith(groups)
    return is_group and start <= moment(info, "transaction_initiation_date") < end


def _reference(info: Json) -> str:
    return text_or_nothing(info, "custom_field") or text_or_nothing(info, "invoice_id")
