"""YooKassa: the schemas Payment and Refund, their lists, and notifications.

https://yookassa.ru/developers/api/yookassa-openapi-specification.yaml
"""

from tests.conformance.shapes.shape import Answers, chars, many, one_of, optional

HEX = "0123456789abcdef"

AMOUNT = {"value": "12.50", "currency": "EUR"}

DATE = one_of("2026-07-18T10:51:18.139Z", "2026-07-18T10:51:18Z", "2026-07-18T13:51:18.139+03:00")

ID = chars(HEX, 29, "2f3b58-")

PAYMENT = {
    "id": ID,
    "status": one_of("pending", "waiting_for_capture", "succeeded", "canceled"),
    "amount": AMOUNT,
    "income_amount": optional({"value": "12.06", "currency": "EUR"}),
    "description": optional(chars("Заказ №72 ☕", 128)),
    "recipient": {"account_id": "100500", "gateway_id": "100700"},
    "payment_method": optional(
        {"type": one_of("bank_card", "sbp", "yoo_money", "sberbank"), "id": ID, "saved": one_of(True, False)}
    ),
    "captured_at": optional(DATE),
    "created_at": DATE,
    "expires_at": optional(DATE),
    "confirmation": optional(
        one_of(
            {"type": "redirect", "confirmation_url": chars("abc/?=", 200, "https://yoomoney.ru/"), "enforce": True},
            {"type": "external"},
            {"type": "qr", "confirmation_data": "https://qr.nspk.ru/AS"},
            {"type": "embedded", "confirmation_token": "ct-24301ae5"},
        )
    ),
    "test": one_of(True, False),
    "refunded_amount": optional({"value": one_of("0.00", "4.00", "12.50"), "currency": "EUR"}),
    "paid": one_of(True, False),
    "refundable": one_of(True, False),
    "receipt_registration": optional(one_of("pending", "succeeded", "canceled")),
    "metadata": optional({"reference": chars("order-0123", 64)}),
    "cancellation_details": optional(
        {
            "party": one_of("yoo_money", "payment_network", "merchant"),
            "reason": one_of("insufficient_funds", "expired_on_confirmation", "canceled_by_merchant", "call_issuer"),
        }
    ),
    "authorization_details": optional({"rrn": "603668680243", "three_d_secure": {"applied": True}}),
}

REFUND = {
    "id": ID,
    "payment_id": ID,
    "status": one_of("pending", "succeeded", "canceled"),
    "cancellation_details": optional({"party": "refund_network", "reason": "rejected_by_payee"}),
    "created_at": DATE,
    "amount": AMOUNT,
    "description": optional(chars("слово ", 250)),
}

ANSWERS: Answers = {
    "create": {"/payments": PAYMENT},
    "status": {"/payments": PAYMENT},
    "cancel": {"/payments": PAYMENT},
    "refund": {"/refunds": REFUND},
    "refund_status": {"/refunds": REFUND},
    "payments_between": {"/payments": {"type": "list", "items": many(PAYMENT, 5)}},
    "movements_between": {"/refunds": {"type": "list", "items": many(REFUND, 5)}},
    "read_callback": {
        "": one_of(
            {"type": "notification", "event": one_of("payment.succeeded", "payment.canceled"), "object": PAYMENT},
            {"type": "notification", "event": "refund.succeeded", "object": REFUND},
        )
    },
}
