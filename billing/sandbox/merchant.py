"""The merchant API: the requests of a shop, with its key."""

import hashlib
import hmac
import json
import re
import secrets
from datetime import UTC, datetime, timedelta

from billing.sandbox.listing import EARLIEST, LATEST, Page
from billing.sandbox.messages import (
    Refused,
    Request,
    Response,
    json_answer,
    read_moment,
    read_money,
    read_number,
    read_text,
    read_url,
    refuse,
)
from billing.sandbox.payment import Json, Payment
from billing.sandbox.records import Claim
from billing.sandbox.sandbox import Sandbox

# The default payment window and the longest that a shop may ask for, in seconds.
WINDOW_S, LONGEST_WINDOW_S = 3600, 30 * 86_400

LONGEST_KEY = 64
LONGEST_PAGE = 100
LIMIT = re.compile("[1-9][0-9]{0,2}")


def authorize(sandbox: Sandbox, request: Request) -> None:
    given, wanted = request.headers.get("Authorization", ""), f"Bearer {sandbox.api_key}"
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Refused(401, "unauthorized", "Send the header Authorization: Bearer <api key>.")


def show_payment(sandbox: Sandbox, _request: Request, payment_id: str) -> Response:
    return payment_answer(sandbox, 200, sandbox.ledger.find(payment_id))


def create_payment(sandbox: Sandbox, request: Request) -> Response:
    """201 for a new payment; 200 with the payment as it is now if the key and the body were seen before."""
    document = request.json()
    payment, is_new = sandbox.ledger.create(read_claim(request, document), read_draft(document))
    return payment_answer(sandbox, 201 if is_new else 200, payment)


def list_payments(sandbox: Sandbox, request: Request) -> Response:
    reference = read_text(dict(request.query), "reference", 64)
    payments, following = sandbox.ledger.payments_on(read_page(request), reference)
    return json_answer(200, {"payments": [sandbox.show(payment) for payment in payments], "next": following})


def cancel_payment(sandbox: Sandbox, _request: Request, payment_id: str) -> Response:
    return payment_answer(sandbox, 200, sandbox.ledger.cancel(payment_id))


def create_refund(sandbox: Sandbox, request: Request, payment_id: str) -> Response:
    document = request.json()
    refund, is_new = sandbox.ledger.refund(read_claim(request, document), payment_id, read_money(document))
    return json_answer(201 if is_new else 200, refund.as_json(), about=payment_id)


def show_refund(sandbox: Sandbox, _request: Request, refund_id: str) -> Response:
    refund = sandbox.ledger.find_refund(refund_id)
    return json_answer(200, refund.as_json(), about=refund.payment_id)


def list_refunds(sandbox: Sandbox, request: Request) -> Response:
    refunds, following = sandbox.ledger.refunds_on(read_page(request))
    return json_answer(200, {"refunds": [refund.as_json() for refund in refunds], "next": following})


def list_disputes(sandbox: Sandbox, request: Request) -> Response:
    payment_id = read_text(dict(request.query), "payment", 64)
    disputes, following = sandbox.ledger.disputes_on(read_page(request), payment_id)
    document = {"disputes": [dispute.as_json() for dispute in disputes], "next": following}
    return json_answer(200, document, about=payment_id or None)


def payment_answer(sandbox: Sandbox, status: int, payment: Payment) -> Response:
    return json_answer(status, sandbox.show(payment), about=payment.id)


def read_claim(request: Request, document: Json) -> Claim:
    key = request.headers.get("Idempotency-Key", "")
    if not 0 < len(key) <= LONGEST_KEY:
        raise Refused(400, "invalid_request", f"Send a header Idempotency-Key of 1 to {LONGEST_KEY} characters.")
    content = json.dumps([request.path, document], sort_keys=True)
    return Claim(key, hashlib.sha256(content.encode()).hexdigest())


def read_draft(document: Json) -> Payment:
    now = datetime.now(UTC)
    window_s = read_number(document, "expires_in_s", WINDOW_S, 0.001, LONGEST_WINDOW_S)
    return Payment(
        id=f"sb_{secrets.token_urlsafe(16)}",
        amount=read_money(document),
        reference=read_text(document, "reference", 64, required=True),
        description=read_text(document, "description", 500),
        return_url=read_url(document, "return_url"),
        callback_url=read_url(document, "callback_url"),
        created_at=now,
        expires_at=now + timedelta(seconds=window_s),
    )


def read_page(request: Request) -> Page:
    query = dict(request.query)
    return Page(
        created_from=read_moment(query, "created_from") or EARLIEST,
        created_to=read_moment(query, "created_to") or LATEST,
        after=read_text(query, "after", 64),
        limit=read_limit(query.get("limit", "")),
    )


def read_limit(value: str) -> int:
    if value and not (LIMIT.fullmatch(value) and int(value) <= LONGEST_PAGE):
        refuse("limit", f"must be a whole number from 1 to {LONGEST_PAGE}")
    return int(value or LONGEST_PAGE)
