"""PayPal: https://github.com/paypal/paypal-rest-api-specifications, as far as a shop needs it.

checkout_orders_v2.json, payments_payment_v2.json, reporting_transactions_v1.json and customer_disputes_v1.json; errors
as their schema `error`.
"""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.conformance.standins.server import Book, Json, No, Reply, Request, StandIn

NAMES = {
    400: ("INVALID_REQUEST", "MISSING_REQUIRED_PARAMETER"),
    401: ("AUTHENTICATION_FAILURE", ""),
    403: ("NOT_AUTHORIZED", "PERMISSION_DENIED"),
    404: ("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"),
    409: ("RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS"),
    422: ("UNPROCESSABLE_ENTITY", "INVALID_PARAMETER_VALUE"),
    429: ("RATE_LIMIT_REACHED", ""),
    500: ("INTERNAL_SERVER_ERROR", ""),
}

numbers = itertools.count(1)


class PayPalStandIn(StandIn):
    """Gives out tokens that stay good until `expire_tokens`; `token_life_s` is what it says of them."""

    token_life_s = 32_400
    may_search = True
    may_read_disputes = True
    lists_orders = True
    """Does the list of transactions name the order of a payment? It need not."""

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.tokens: dict[str, str] = {}
        self.tokens_given = 0
        self.refusals: list[str] = []
        """Issues with which the next captures are refused."""

    def complaint(self, status: int, issue: str = "", *, parameter: str = "") -> Reply:
        name, usual = NAMES[status]
        detail = {"issue": issue or usual, "description": "Secret text"} | ({"field": parameter} if parameter else {})
        details = [detail] if issue or usual else []
        body = {"name": name, "message": "Secret text", "debug_id": "90957fca61718", "details": details}
        return Reply(status, body, {"Retry-After": "7"} if status == 429 else {})

    def expire_tokens(self) -> None:
        self.tokens.clear()

    def is_about_money(self, request: Request) -> bool:
        return request.path != "/v1/oauth2/token"

    def book(self, request: Request) -> Book:
        if not self.is_about_money(request):
            return super().book(request)
        key = self.tokens.get(request.authorization.removeprefix("Bearer "))
        if key is None:
            raise No(self.complaint(401))
        return self.books[key]

    def work(self, request: Request, book: Book) -> Reply:
        match request.method, *request.path.strip("/").split("/"):
            case "POST", "v1", "oauth2", "token":
                return self._token(request)
            case "POST", "v2", "checkout", "orders":
                return self._once(book, request, lambda: self._create(request, book))
            case "GET", "v2", "checkout", "orders", ref:
                return Reply(200, self._known(book.payments, ref))
            case "POST", "v2", "checkout", "orders", ref, "capture":
                return self._once(book, request, lambda: self._capture(book, ref))
            case "POST", "v2", "payments", "captures", ref, "refund":
                return self._once(book, request, lambda: self._refund(request, book, ref))
            case "GET", "v2", "payments", "refunds", ref:
                return Reply(200, self._known(book.refunds, ref))
            case "GET", "v1", "customer", "disputes":
                return self._disputes(request, book)
            case "GET", "v1", "customer", "disputes", ref:
                return Reply(200, self._known(book.disputes, ref))
            case "GET", "v1", "reporting", "transactions":
                return self._search(request, book)
        raise No(self.complaint(404))

    def _token(self, request: Request) -> Reply:
        self._insist(request.form() == {"grant_type": "client_credentials"}, "grant_type")
        self.tokens_given += 1
        token = f"A21AA{self.tokens_given:08d}-secret-token"
        self.tokens[token] = request.authorization
        lasts = {"token_type": "Bearer", "app_id": "APP-80W284485P519543T", "expires_in": self.token_life_s}
        return Reply(200, {"access_token": token, **lasts})

    def _once(self, book: Book, request: Request, work: object) -> Reply:
        key = request.headers.get("paypal-request-id", "")
        self._insist(1 <= len(key) <= 108, "PAYPAL_REQUEST_ID_REQUIRED")
        self._insist(request.headers.get("prefer") == "return=representation", "PREFER")
        self._insist(request.headers.get("content-type") == "application/json", "MALFORMED_REQUEST_JSON")
        return self.once(book, request, key, work, self.complaint(422))  # type: ignore[arg-type]

    def _create(self, request: Request, book: Book) -> Reply:
        asked = request.json()
        self._insist(asked.get("intent") == "CAPTURE" and len(asked.get("purchase_units", [])) == 1, "INTENT")
        unit = asked["purchase_units"][0]
        self._insist_on_money(unit.get("amount"))
        self._insist(1 <= len(unit["custom_id"]) <= 127 and 1 <= len(unit["description"]) <= 127, "LENGTH")
        urls = asked["payment_source"]["paypal"]["experience_context"]
        self._insist(urls["return_url"] and urls["cancel_url"] and urls["user_action"] == "PAY_NOW", "URLS")
        ref = f"5O{next(numbers):015d}"
        book.payments[ref] = {
            "id": ref,
            "intent": "CAPTURE",
            "status": "PAYER_ACTION_REQUIRED",
            "create_time": _now(),
            "purchase_units": [unit],
            "links": [
                {"href": f"{self.url}/v2/checkout/orders/{ref}", "rel": "self", "method": "GET"},
                {"href": f"https://www.paypal.com/checkoutnow?token={ref}", "rel": "payer-action", "method": "GET"},
            ],
        }
        return Reply(200, book.payments[ref])

    def _capture(self, book: Book, ref: str) -> Reply:
        order = self._known(book.payments, ref)
        unit = order["purchase_units"][0]
        if unit.get("payments", {}).get("captures"):
            raise No(self.complaint(422, "ORDER_ALREADY_CAPTURED"))
        if order["status"] != "APPROVED":
            raise No(self.complaint(422, "ORDER_NOT_APPROVED"))
        if self.refusals:
            return self.complaint(422, self.refusals.pop())  # stored under the key, like any answer
        self.put_capture(order, "COMPLETED")
        return Reply(201, order)

    def approve(self, order: Json) -> None:
        """The buyer approves, once more perhaps."""
        order |= {"status": "APPROVED", "update_time": _now("microseconds")}
        order["payment_source"] = {"paypal": {"account_id": "QYR5Z8XDVJNXQ", "account_status": "VERIFIED"}}

    def put_capture(self, order: Json, status: str, **fields: object) -> Json:
        """The order is complete, whatever became of the money."""
        unit = order["purchase_units"][0]
        capture = {
            "id": f"3C{next(numbers):015d}",
            "status": status,
            "amount": unit["amount"],
            "custom_id": unit["custom_id"],
            "final_capture": True,
            "links": [{"href": f"{self.url}/v2/checkout/orders/{order['id']}", "rel": "up", "method": "GET"}],
            "supplementary_data": {"related_ids": {"order_id": order["id"]}},
            **fields,
        }
        order["status"], unit["payments"] = "COMPLETED", {"captures": [capture]}
        return capture

    def put_dispute(self, book: Book, capture: Json, **fields: object) -> Json:
        ref = f"PP-D-{next(numbers):05d}"
        book.disputes[ref] = {
            "dispute_id": ref,
            "create_time": "2026-07-01T10:00:00.000Z",
            "update_time": "2026-07-01T10:00:00.000Z",
            "disputed_transactions": [{"seller_transaction_id": capture["id"], "custom": capture["custom_id"]}],
            "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
            "status": "WAITING_FOR_SELLER_RESPONSE",
            "dispute_amount": capture["amount"],
            "dispute_life_cycle_stage": "CHARGEBACK",
            "dispute_channel": "INTERNAL",
            "seller_response_due_date": "2026-07-11T10:00:00.000Z",
            **fields,
        }
        return book.disputes[ref]

    def _disputes(self, request: Request, book: Book) -> Reply:
        """A summary of each; one without disputes has no items, because a list of items is never empty."""
        if not self.may_read_disputes:
            raise No(self.complaint(403))
        capture = request.query["disputed_transaction_id"]
        found = [
            {name: dispute[name] for name in ("dispute_id", "create_time", "reason", "status", "dispute_amount")}
            for dispute in book.disputes.values()
            if dispute["disputed_transactions"][0]["seller_transaction_id"] == capture
        ]
        return Reply(200, {"items": found, "links": []} if found else {"links": []})

    def _refund(self, request: Request, book: Book, ref: str) -> Reply:
        asked = request.json()
        self._insist_on_money(asked.get("amount"))
        unit, capture = next(
            (unit, capture)
            for order in book.payments.values()
            for unit in order["purchase_units"]
            for capture in unit.get("payments", {}).get("captures", [])
            if capture["id"] == ref
        )
        refunds = unit["payments"].setdefault("refunds", [])
        total = sum(float(each["amount"]["value"]) for each in refunds) + float(asked["amount"]["value"])
        if total > float(capture["amount"]["value"]):
            raise No(self.complaint(422, "REFUND_AMOUNT_EXCEEDED"))
        refund = {
            "id": f"1R{next(numbers):015d}",
            "status": "COMPLETED",
            "amount": asked["amount"],
            "create_time": _now(),
            "custom_id": unit["custom_id"],
            "links": [{"href": f"{self.url}/v2/payments/captures/{ref}", "rel": "up", "method": "GET"}],
        }
        refunds.append(refund)
        capture["status"] = "REFUNDED" if total == float(capture["amount"]["value"]) else "PARTIALLY_REFUNDED"
        book.refunds[refund["id"]] = refund
        return Reply(201, refund)

    def _search(self, request: Request, book: Book) -> Reply:
        """What moved money: payments, what went back of them, and fees; and a payment of ours to somebody."""
        query = request.query
        if not self.may_search:
            raise No(self.complaint(403))
        start, end = (datetime.fromisoformat(query[name]) for name in ("start_date", "end_date"))
        self._insist((end - start).days <= 31 and 1 <= int(query["page_size"]) <= 500, "INVALID_REQUEST")
        infos = [info for order in book.payments.values() for info in self._infos(order)]
        infos = [each for each in infos if start <= datetime.fromisoformat(each["transaction_initiation_date"]) <= end]
        length, page = min(int(query["page_size"]), self.page), int(query["page"])
        shown = [{"transaction_info": each} for each in infos[(page - 1) * length : page * length]]
        pages = -(-len(infos) // length)
        return Reply(200, {"transaction_details": shown, "page": page, "total_pages": pages})

    def _infos(self, order: Json) -> Iterator[Json]:
        """In the words of the schema transaction_info; a payment is V when all of it went back."""
        unit = order["purchase_units"][0]
        payments = unit.get("payments", {})
        of_order = {"paypal_reference_id": order["id"], "paypal_reference_id_type": "ODR"} if self.lists_orders else {}
        for capture in payments.get("captures", []):
            status = {"PENDING": "P", "DECLINED": "D", "FAILED": "D", "REFUNDED": "V"}.get(capture["status"], "S")
            info = {
                "transaction_id": capture["id"],
                "transaction_event_code": "T0006",
                "transaction_initiation_date": order["create_time"].replace("Z", "+0000"),
                "transaction_amount": capture["amount"],
                "transaction_status": status,
                "custom_field": unit["custom_id"],
            }
            yield info | of_order
            yield info | {"transaction_event_code": "T0107", "transaction_id": "FEE"}
            paid_out = {"currency_code": capture["amount"]["currency_code"], "value": "-5"}
            yield info | {"transaction_id": "OUT", "transaction_amount": paid_out, "custom_field": ""}
            of_capture = {"paypal_reference_id": capture["id"], "paypal_reference_id_type": "TXN"}
            for refund in payments.get("refunds", []):
                begun = {"transaction_initiation_date": refund["create_time"], "transaction_event_code": "T1107"}
                yield info | of_capture | begun | {"transaction_id": refund["id"]}

    def _known(self, rows: dict[str, Json], ref: str) -> Json:
        if ref not in rows:
            raise No(self.complaint(404))
        return rows[ref]

    def _insist_on_money(self, amount: Json | None) -> None:
        self._insist(amount is not None and set(amount) == {"currency_code", "value"}, "MISSING_AMOUNT")
        assert amount is not None
        places = {"JPY": 0, "HUF": 0, "TWD": 0}.get(amount["currency_code"], 2)
        pattern = r"\d+" + (rf"\.\d{{{places}}}" if places else "")
        if not re.fullmatch(pattern, amount["value"]):
            raise No(self.complaint(422, "DECIMAL_PRECISION"))

    def _insist(self, condition: object, issue: str) -> None:
        if not condition:
            raise No(self.complaint(400, issue))


def _now(timespec: str = "seconds") -> str:
    return datetime.now(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
