"""Stripe: https://github.com/stripe/openapi, as far as a shop needs it.

Its objects have the fields of that repository's fixtures (openapi/fixtures3.json), with our values in them.
"""

import itertools
import re
import time

from billing.providers.stripe.adapter import VERSION
from tests.conformance.standins.server import Book, Json, No, Reply, Request, StandIn

ERRORS = {
    400: ("invalid_request_error", "parameter_invalid_integer"),
    401: ("invalid_request_error", ""),
    402: ("card_error", "card_declined"),
    403: ("invalid_request_error", ""),
    404: ("invalid_request_error", "resource_missing"),
    409: ("idempotency_error", "idempotency_key_in_use"),
    424: ("api_error", ""),
    429: ("invalid_request_error", "rate_limit"),
    500: ("api_error", ""),
}

REQUIRED = {
    "mode": "payment",
    "line_items[0][quantity]": r"\d+",
    "line_items[0][price_data][currency]": "[a-z]{3}",
    "line_items[0][price_data][unit_amount]": r"\d{1,8}",
    "line_items[0][price_data][product_data][name]": ".+",
    "success_url": "https?://.+",
    "cancel_url": "https?://.+",
    "client_reference_id": ".{1,200}",
    "expires_at": r"\d+",
    "adaptive_pricing[enabled]": "false",
}

METADATA = re.compile(r"(?:payment_intent_data\[)?metadata\]?\[([a-z]{1,40})\]")

THREE_DECIMALS = {"bhd", "jod", "kwd", "omr", "tnd"}

numbers = itertools.count(1)


class StripeStandIn(StandIn):
    """Keeps every answer under its key, failures included, once the work was begun."""

    def complaint(self, status: int, code: str = "", *, parameter: str = "") -> Reply:
        kind, usual = ERRORS[status]
        error = {"type": kind, "message": "Secret text", "code": code or usual, "param": parameter}
        headers = {"Stripe-Should-Retry": "true"} if status == 424 else {}
        return Reply(status, {"error": {name: text for name, text in error.items() if text}}, headers)

    def work(self, request: Request, book: Book) -> Reply:
        self._insist(request.headers.get("stripe-version") == VERSION, "version")
        self._insist(request.method == "GET" or "json" not in request.headers.get("content-type", ""), "form")
        match request.method, *request.path.strip("/").split("/"):
            case "POST", "checkout", "sessions":
                return self._once(book, request, lambda: self._create(request, book))
            case "GET", "checkout", "sessions":
                sessions = [each for each in book.payments.values() if each["object"] == "checkout.session"]
                return self._list(request, sessions)
            case "GET", "checkout", "sessions", ref:
                return Reply(200, self._shown(self._known(book.payments, ref), request))
            case "POST", "checkout", "sessions", ref, "expire":
                return self._expire(book, ref)
            case "GET", "payment_intents", ref:
                return Reply(200, self._known(book.payments, ref))
            case "POST", "payment_intents", ref, "cancel":
                return self._cancel(book, ref)
            case "POST", "refunds":
                return self._once(book, request, lambda: self._refund(request, book))
            case "GET", "refunds":
                return self._list(request, list(book.refunds.values()))
            case "GET", "disputes":
                return self._list(request, list(book.disputes.values()))
            case "GET", "refunds", ref:
                return Reply(200, self._known(book.refunds, ref))
        raise No(self.complaint(404))

    def _once(self, book: Book, request: Request, work: object) -> Reply:
        """https://docs.stripe.com/api/idempotent_requests"""
        key = request.headers.get("idempotency-key", "")
        self._insist(1 <= len(key) <= 255, "idempotency_key")
        error = {"type": "idempotency_error", "message": "Keys go with the parameters they were first used with."}
        return self.once(book, request, key, work, Reply(400, {"error": error}))  # type: ignore[arg-type]

    def _create(self, request: Request, book: Book) -> Reply:
        form = request.form()
        for name, pattern in REQUIRED.items():
            self._insist(re.fullmatch(pattern, form.get(name, "")), name)
        self._insist(all(name in REQUIRED or METADATA.fullmatch(name) for name in form), "unknown parameter")
        self._insist(1800 <= int(form["expires_at"]) - time.time() <= 86_400, "expires_at")
        currency = form["line_items[0][price_data][currency]"]
        amount = int(form["line_items[0][price_data][unit_amount]"])
        self._insist(currency not in THREE_DECIMALS or amount % 10 == 0, "amount_precision")
        self._insist(currency not in ("isk", "ugx") or amount % 100 == 0, "invalid_charge_amount_no_decimal_compatible")
        metadata = {METADATA.fullmatch(name)[1]: text for name, text in form.items() if name.startswith("metadata[")}  # type: ignore[index]
        ref = f"cs_test_{next(numbers):020d}"
        book.payments[ref] = {
            "id": ref,
            "object": "checkout.session",
            "amount_total": amount,
            "client_reference_id": form["client_reference_id"],
            "created": int(time.time()),
            "currency": currency,
            "expires_at": int(form["expires_at"]),
            "livemode": False,
            "metadata": metadata,
            "mode": "payment",
            "payment_intent": None,
            "payment_status": "unpaid",
            "status": "open",
            "success_url": form["success_url"],
            "url": f"https://checkout.stripe.com/pay/{ref}",
        }
        return Reply(200, book.payments[ref])

    def _shown(self, row: Json, request: Request) -> Json:
        """The intent of a session is an id, unless it is asked for whole."""
        intent = row.get("payment_intent")
        expanded = any("payment_intent" in text for name, text in request.query.items() if name.startswith("expand["))
        return row | {"payment_intent": intent["id"]} if isinstance(intent, dict) and not expanded else row

    def _list(self, request: Request, rows: list[Json]) -> Reply:
        """From new to old, 1 to 100 of them."""
        query = request.query
        self._insist(1 <= int(query.get("limit", 10)) <= 100, "limit")
        intent = query.get("payment_intent")
        found = [each for each in reversed(rows) if intent is None or each["payment_intent"] == intent]
        found = [each for each in found if int(query.get("created[gte]", 0)) <= each["created"]]
        found = [each for each in found if each["created"] < int(query.get("created[lt]", 10**12))]
        if after := query.get("starting_after"):
            found = found[[each["id"] for each in found].index(after) + 1 :]
        length = min(int(query.get("limit", 10)), self.page)
        data = [self._shown(each, request) for each in found[:length]]
        return Reply(200, {"object": "list", "data": data, "has_more": len(found) > length})

    def _expire(self, book: Book, ref: str) -> Reply:
        session = self._known(book.payments, ref)
        self._insist(session["status"] == "open", "status")
        session |= {"status": "expired", "url": None}
        return Reply(200, session)

    def _cancel(self, book: Book, ref: str) -> Reply:
        intent = self._known(book.payments, ref)
        if intent["status"] in ("succeeded", "canceled"):
            raise No(self.complaint(400, "payment_intent_unexpected_state"))
        intent |= {"status": "canceled", "cancellation_reason": "requested_by_customer"}
        return Reply(200, intent)

    def _refund(self, request: Request, book: Book) -> Reply:
        form = request.form()
        self._insist(set(form) <= {"payment_intent", "amount", "metadata[refund]"}, "unknown parameter")
        intent = self._intent(book, form.get("payment_intent", ""))
        charge = intent["latest_charge"]
        self._insist(charge and charge["amount_refunded"] + int(form["amount"]) <= intent["amount"], "charge_too_large")
        charge["amount_refunded"] += int(form["amount"])
        ref = f"re_{next(numbers):020d}"
        book.refunds[ref] = {
            "id": ref,
            "object": "refund",
            "amount": int(form["amount"]),
            "charge": charge["id"],
            "created": int(time.time()),
            "currency": intent["currency"],
            "metadata": {"refund": form["metadata[refund]"]},
            "payment_intent": intent["id"],
            "status": "succeeded",
        }
        return Reply(200, book.refunds[ref])

    def put_dispute(self, book: Book, intent: Json, status: str, **fields: object) -> Json:
        """With one transaction that took the money and a fee, unless the bank only asks."""
        ref, asks = f"dp_{next(numbers):020d}", status.startswith("warning_") or status == "prevented"
        taken = {
            "amount": -intent["amount"],
            "currency": intent["currency"],
            "fee": 1500,
            "object": "balance_transaction",
        }
        intent["latest_charge"]["disputed"] = True
        book.disputes[ref] = {
            "id": ref,
            "object": "dispute",
            "amount": intent["amount"],
            "balance_transactions": [] if asks else [taken],
            "charge": intent["latest_charge"]["id"],
            "created": int(time.time()),
            "currency": intent["currency"],
            "evidence_details": {"due_by": 1_800_000_000, "has_evidence": False, "submission_count": 0},
            "metadata": {},
            "payment_intent": intent["id"],
            "reason": "fraudulent",
            "status": status,
            **fields,
        }
        return book.disputes[ref]

    def put_other_uses(self, book: Book) -> None:
        """Sessions that are no payments of a shop: one stores a card, one is a free trial."""
        for mode, total in (("setup", None), ("subscription", 0)):
            ref = f"cs_test_{next(numbers):020d}"
            book.payments[ref] = {
                "id": ref,
                "object": "checkout.session",
                "amount_total": total,
                "created": int(time.time()),
                "currency": "eur" if total is not None else None,
                "metadata": {},
                "mode": mode,
                "payment_intent": None,
                "payment_status": "no_payment_required",
                "status": "complete",
                "url": None,
            }

    def _intent(self, book: Book, ref: str) -> Json:
        for payment in book.payments.values():
            intent = payment if payment["object"] == "payment_intent" else payment["payment_intent"]
            if intent and intent["id"] == ref:
                return dict(intent) | {"latest_charge": intent["latest_charge"]}
        raise No(self.complaint(404))

    def _known(self, rows: dict[str, Json], ref: str) -> Json:
        if ref not in rows:
            raise No(self.complaint(404))
        return rows[ref]

    def _insist(self, condition: object, parameter: str) -> None:
        if not condition:
            raise No(self.complaint(400, parameter.replace(" ", "_")))
