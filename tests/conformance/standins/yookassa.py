"""YooKassa: https://yookassa.ru/developers/api/yookassa-openapi-specification.yaml, as far as a shop needs it.

What it answers has the fields the contract requires (schemas Payment, Refund, Error), with its examples' values.
"""

import re
import uuid
from datetime import UTC, datetime

from tests.conformance.standins.server import Book, Json, No, Reply, Request, StandIn

CURRENCIES = {"RUB", "EUR", "USD", "KZT", "BYN", "UAH", "UZS", "TRY", "INR", "MDL", "AZN", "AMD"}  # CurrencyCode
CODES = {
    400: "invalid_request",
    401: "invalid_credentials",
    403: "forbidden",
    404: "not_found",
    429: "too_many_requests",
    500: "internal_server_error",
}


class YooKassaStandIn(StandIn):
    """Adds nothing to the contract but its own address."""

    def complaint(self, status: int, *, parameter: str = "") -> Reply:
        error: Json = {"type": "error", "id": str(uuid.uuid4()), "description": "Secret text", "code": CODES[status]}
        error |= {"retry_after": 1800} if status == 429 else {}
        return Reply(status, error | ({"parameter": parameter} if parameter else {}))

    def work(self, request: Request, book: Book) -> Reply:
        match request.method, *request.path.strip("/").split("/"):
            case "POST", "payments":
                return self._once(book, request, lambda: self._create(request, book))
            case "GET", "payments":
                return self._list(request, book.payments)
            case "GET", "payments", ref:
                return Reply(200, self._known(book.payments, ref))
            case "POST", "payments", ref, "cancel":
                return self._once(book, request, lambda: self._cancel(request, book, ref))
            case "POST", "refunds":
                return self._once(book, request, lambda: self._refund(request, book))
            case "GET", "refunds":
                return self._list(request, book.refunds)
            case "GET", "refunds", ref:
                return Reply(200, self._known(book.refunds, ref))
        raise No(self.complaint(404))

    def _once(self, book: Book, request: Request, work: object) -> Reply:
        key = request.headers.get("idempotence-key", "")
        self._insist(re.fullmatch(r"[0-9a-zA-Z+\-_.]{1,64}", key), "Idempotence-Key")
        return self.once(book, request, key, work, self.complaint(400))  # type: ignore[arg-type]

    def _create(self, request: Request, book: Book) -> Reply:
        asked = request.json()
        known = {"amount", "description", "capture", "confirmation", "metadata"}
        self._insist(asked and set(asked) <= known, "body")
        self._insist_on_money(asked.get("amount"))
        self._insist(len(asked.get("description", "")) <= 128, "description")
        confirmation = asked.get("confirmation", {})
        self._insist(confirmation.get("type") == "redirect" and confirmation.get("return_url"), "confirmation")
        self._insist(all(len(key) <= 32 and len(text) <= 512 for key, text in asked["metadata"].items()), "metadata")
        ref = str(uuid.uuid4())
        book.payments[ref] = {
            "id": ref,
            "status": "pending",
            "paid": False,
            "amount": asked["amount"],
            "confirmation": {
                "type": "redirect",
                "confirmation_url": f"https://yoomoney.ru/checkout/payments/v2/contract?orderId={ref}",
            },
            "created_at": _now(),
            "description": asked.get("description"),
            "metadata": asked["metadata"],
            "recipient": {"account_id": "100500", "gateway_id": "100700"},
            "refundable": False,
            "test": False,
            "_capture": asked.get("capture", False),
        }
        return Reply(200, book.payments[ref])

    def _list(self, request: Request, rows: dict[str, Json]) -> Reply:
        """From new to old; the limit is 1 to 100."""
        query = request.query
        self._insist(set(query) <= {"created_at.gte", "created_at.lt", "limit", "cursor"}, "query")
        self._insist(1 <= int(query.get("limit", 10)) <= 100, "limit")
        bounds = [datetime.fromisoformat(query[name]) for name in ("created_at.gte", "created_at.lt")]
        found = [
            each
            for each in reversed(rows.values())
            if bounds[0] <= datetime.fromisoformat(each["created_at"]) < bounds[1]
        ]
        start, length = int(query.get("cursor", 0)), min(int(query.get("limit", 10)), self.page)
        cursor = {"next_cursor": str(start + length)} if len(found) > start + length else {}
        return Reply(200, {"type": "list", "items": found[start : start + length], **cursor})

    def _cancel(self, request: Request, book: Book, ref: str) -> Reply:
        self._insist(not request.body, "body")
        payment = self._known(book.payments, ref)
        self._insist(payment["status"] == "waiting_for_capture", "payment_id")
        details = {"party": "merchant", "reason": "canceled_by_merchant"}
        payment |= {"status": "canceled", "cancellation_details": details}
        return Reply(200, payment)

    def _refund(self, request: Request, book: Book) -> Reply:
        asked = request.json()
        self._insist(set(asked) == {"payment_id", "amount"}, "body")
        self._insist_on_money(asked["amount"])
        payment = self._known(book.payments, asked["payment_id"])
        so_far = float(payment.get("refunded_amount", {}).get("value", "0"))
        total = so_far + float(asked["amount"]["value"])
        self._insist(payment["status"] == "succeeded" and total <= float(payment["amount"]["value"]), "amount")
        payment["refunded_amount"] = asked["amount"] | {"value": f"{total:.2f}"}
        ref = str(uuid.uuid4())
        book.refunds[ref] = {"id": ref, "status": "succeeded", "created_at": _now(), **asked}
        return Reply(200, book.refunds[ref])

    def _known(self, rows: dict[str, Json], ref: str) -> Json:
        if ref not in rows:
            raise No(self.complaint(404))
        return rows[ref]

    def _insist_on_money(self, amount: object) -> None:
        """Always with decimals: "1000.00"."""
        fits = isinstance(amount, dict) and set(amount) == {"value", "currency"}
        self._insist(fits and amount["currency"] in CURRENCIES, "amount.currency")  # type: ignore[index]
        self._insist(re.fullmatch(r"\d+\.\d\d", amount["value"]), "amount.value")  # type: ignore[index]

    def _insist(self, condition: object, parameter: str) -> None:
        if not condition:
            raise No(self.complaint(400, parameter=parameter))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
