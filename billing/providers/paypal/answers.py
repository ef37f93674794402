"""What PayPal answers about orders, captures and refunds, in our terms. Sources: see adapter.py."""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256

from billing.errors import BadAnswer
from billing.models import Advice
from billing.providers.base import CallbackHint, PaymentSnapshot, RefundSnapshot
from billing.providers.fields import (
    Json,
    address,
    callback_hint,
    id_or_nothing,
    joined,
    moment_or_none,
    money,
    objects,
    objects_or_none,
    part,
    refund_snapshot,
    text,
    text_or_nothing,
)
from billing.providers.http import Complaint, parameter, read_json, retry_after_s, word
from billing.providers.ids import Ids
from billing.states import RefundStatus, Status

IDS = Ids(r"[A-Za-z0-9-]{1,200}")
"""Of orders, captures and refunds letters and digits, like `5O190127TN364715T`; of disputes `PP-D-27803`."""

ORDERS = {  # order_status; COMPLETED says nothing about money, its capture does
    "CREATED": Status.PENDING,
    "SAVED": Status.PENDING,
    "PAYER_ACTION_REQUIRED": Status.PENDING,
    "APPROVED": Status.AUTHORIZED,  # the buyer has approved; no money has moved
    "VOIDED": Status.CANCELED,
}

CAPTURES = {  # capture_status
    "COMPLETED": Status.SUCCEEDED,
    "PARTIALLY_REFUNDED": Status.SUCCEEDED,
    "REFUNDED": Status.SUCCEEDED,
    "PENDING": Status.PENDING,
    "DECLINED": Status.FAILED,
    "FAILED": Status.FAILED,
}

REFUND_STATUSES = {  # refund_status
    "PENDING": RefundStatus.PENDING,
    "COMPLETED": RefundStatus.SUCCEEDED,
    "CANCELLED": RefundStatus.CANCELED,
    "FAILED": RefundStatus.FAILED,
}

# The issues of orders.capture-422 that mean: this buyer cannot pay in this way. The buyer may go back to the approval
# page and choose another: https://developer.paypal.com/docs/checkout/standard/customize/handle-funding-failures/
DECLINES = {
    "CARD_BRAND_NOT_SUPPORTED": Advice.OTHER,
    "COMPLIANCE_VIOLATION": Advice.OTHER,
    "DECLINED_DUE_TO_RELATED_TXN": Advice.OTHER,
    "DOMESTIC_TRANSACTION_REQUIRED": Advice.OTHER,
    "INSTRUMENT_DECLINED": Advice.OTHER,
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": Advice.OTHER,
    "PAYEE_BLOCKED_TRANSACTION": Advice.OTHER,
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": Advice.OTHER,
    "PAYER_ACCOUNT_RESTRICTED": Advice.OTHER,
    "PAYER_ACTION_REQUIRED": Advice.AGAIN,
    "PAYER_CANNOT_PAY": Advice.OTHER,
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING": Advice.OTHER,
    "REFERENCED_CARD_EXPIRED": Advice.OTHER,
    "TRANSACTION_BLOCKED_BY_PAYEE": Advice.OTHER,
    "TRANSACTION_LIMIT_EXCEEDED": Advice.OTHER,
    "TRANSACTION_REFUSED": Advice.OTHER,
}

# response_code of a capture by card: https://developer.paypal.com/docs/api/orders/v2/#definition-processor_response.
# After any other one, and without one, another way to pay helps.
PROCESSOR_DECLINES = {
    code: advice
    for advice, codes in {
        Advice.AGAIN: """
            00N7 0890 0960 0R00 1380 1382 5110 5130 5170 5190 5500 5650 5910 5920 7700 7710 7900 8000 8100 8110 8220
            9100
        """,
        Advice.BANK: "0100 0500 0580 10BR 1330 1335 1352 5100 5160 5700 5930 9510 9530 9540",
    }.items()
    for code in codes.split()
}


def order_answer(order: Json) -> PaymentSnapshot:
    """Our orders have one purchase unit, and a capture after we asked for the money."""
    unit, capture, raw_status = _unit(order), capture_of(order), text(order, "status")
    status = ORDERS.get(raw_status) if capture is None else CAPTURES.get(text(capture, "status"))
    approved = capture is None and status == Status.AUTHORIZED
    return PaymentSnapshot(
        status=status,
        raw_status=joined(raw_status, "" if capture is None else text(capture, "status")),
        provider_ref=IDS.read(order),
        amount=money(unit if capture is None else capture, "amount", "currency_code"),
        reference=text_or_nothing(unit, "custom_id"),
        reason=_reason(capture or {}),
        pay_url=_link(order, "payer-action") or _link(order, "approve"),
        refunded_minor=sum(_refunds(unit)),
        refs=_capture_ids(unit, capture),
        advice=_advice(capture or {}) if status == Status.FAILED else Advice.NONE,
        is_working=capture is not None and status == Status.PENDING,
        approval=_approval(order) if approved else "",
        approved_at=moment_or_none(order, "update_time") if approved else None,
        is_disputed=capture is not None,
    )


def capture_of(order: Json) -> Json | None:
    """The capture that moved money, else the last one."""
    captures = list(objects_or_none(part(_unit(order), "payments"), "captures"))
    paid = (each for each in captures if CAPTURES.get(str(each.get("status"))) == Status.SUCCEEDED)
    return next(paid, captures[-1] if captures else None)


def refund_answer(refund: Json) -> RefundSnapshot:
    reason = text_or_nothing(part(refund, "status_details"), "reason")
    return refund_snapshot(IDS.read(refund), refund, REFUND_STATUSES, money(refund, "amount", "currency_code"), reason)


def read_hint(body: bytes) -> CallbackHint:
    """An event is about an order, a capture, a refund, or a dispute.

    A capture names its order in its related_ids, a refund its capture in the link `up`, a dispute the capture as the
    seller's transaction.
    """
    event = read_json(body)
    resource = part(event, "resource")
    unit = next(objects_or_none(resource, "purchase_units"), {})
    disputed = list(objects_or_none(resource, "disputed_transactions"))
    related = part(part(resource, "supplementary_data"), "related_ids")
    own = id_or_nothing(resource) or text_or_nothing(resource, "dispute_id")
    ids = [
        id_or_nothing(related.get("order_id")),
        own if unit else "",
        id_or_nothing(related.get("capture_id")),
        *(id_or_nothing(each) for each in objects_or_none(part(unit, "payments"), "captures")),
        _link(resource, "up").rstrip("/").rpartition("/")[2],
        *(id_or_nothing(each.get("seller_transaction_id")) for each in disputed),
        own,
    ]
    named = [(resource, "custom_id"), (unit, "custom_id"), *((each, "custom") for each in disputed)]
    invoices = [(each, "invoice_number") for each in disputed]
    reference = next(filter(None, (text_or_nothing(*field) for field in [*named, *invoices])), "")
    return callback_hint(ids, reference, text(event, "event_type"))


def read_complaint(status: int, headers: Mapping[str, str], body: Json) -> Complaint:
    """`{"name": …, "details": [{"issue": …}]}`; 409 is "a previous call for the given resource is in progress"."""
    details = body.get("details")
    first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
    code = word(first.get("issue")) or word(body.get("name")) or word(body.get("error"))
    field = parameter(first.get("field"))
    return Complaint(code, retry_after_s(headers), undecided=status == 409, parameter=field)


def _unit(order: Json) -> Json:
    unit = next(objects(order, "purchase_units"), None)
    if unit is None:
        raise BadAnswer("the order has no purchase unit")
    return unit


def _link(resource: Json, rel: str) -> str:
    """The address of the link with this relation; empty if there is none."""
    links = objects_or_none(resource, "links")
    return next((address(link, "href") for link in links if link.get("rel") == rel), "")


def _capture_ids(unit: Json, first: Json | None) -> tuple[str, ...]:
    captures = objects_or_none(part(unit, "payments"), "captures")
    ids = (id_or_nothing(each) for each in [first or {}, *captures])
    return tuple(dict.fromkeys(filter(None, ids)))


def _refunds(unit: Json) -> Iterator[int]:
    for refund in objects_or_none(part(unit, "payments"), "refunds"):
        if refund.get("status") == "COMPLETED":
            yield money(refund, "amount", "currency_code").minor


def _reason(capture: Json) -> str:
    response = part(capture, "processor_response")
    return text_or_nothing(part(capture, "status_details"), "reason") or word(response.get("response_code"))


def _advice(capture: Json) -> Advice:
    code = word(part(capture, "processor_response").get("response_code"))
    return PROCESSOR_DECLINES.get(code, Advice.OTHER)


def _approval(order: Json) -> str:
    """Names an approval: another one has another time, or another source of the money."""
    try:
        named = json.dumps([order.get("update_time"), order.get("payment_source")], sort_keys=True)
    except RecursionError:
        raise BadAnswer("the payment source is nested too deeply") from None
    return sha256(named.encode()).hexdigest()
