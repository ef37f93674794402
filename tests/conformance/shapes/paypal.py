"""PayPal: order, capture, refund, dispute and transaction_info of its OpenAPI files.

https://github.com/paypal/paypal-rest-api-specifications
"""

from random import Random

from tests.conformance.shapes.shape import Answers, chars, many, one_of, optional, whole

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

AMOUNT = {"currency_code": "EUR", "value": "12.50"}

ID = chars(LETTERS, 17)

LINKS = optional(
    many(
        {
            "href": chars("abc/0123", 60, "https://api.paypal.com/v2/"),
            "rel": one_of("self", "up", "approve", "payer-action", "capture", "refund"),
            "method": optional(one_of("GET", "POST", "PATCH")),
        },
        4,
    )
)


def date(rng: Random) -> str:
    """As date_time allows it: small letters, leap seconds, any fraction, any zone."""
    day = f"20{rng.randint(10, 40)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    clock = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.choice(['00', '30', '59', '60'])}"
    fraction, zone = rng.choice(["", ".1", ".123456789"]), rng.choice(["Z", "z", "+14:00", "-07:30"])
    return f"{day}{rng.choice('Tt')}{clock}{fraction}{zone}"


def today(rng: Random) -> str:
    """In the day that is asked for, also as the examples of the Transaction Search write it."""
    return f"2026-07-01T{rng.randint(0, 23):02}:20:30{rng.choice(['Z', '+0000', '+00:00'])}"


CAPTURE = {
    "id": ID,
    "status": one_of("COMPLETED", "DECLINED", "PARTIALLY_REFUNDED", "PENDING", "REFUNDED", "FAILED"),
    "status_details": optional({"reason": optional(one_of("ECHECK", "PENDING_REVIEW", "UNILATERAL", "OTHER"))}),
    "amount": AMOUNT,
    "custom_id": optional(chars("order-0123", 127)),
    "final_capture": optional(True),
    "seller_protection": optional({"status": "ELIGIBLE", "dispute_categories": ["ITEM_NOT_RECEIVED"]}),
    "processor_response": optional({"response_code": one_of("0000", "5120", "9100"), "avs_code": optional("Y")}),
    "supplementary_data": optional({"related_ids": optional({"order_id": ID})}),
    "links": LINKS,
    "create_time": optional(date),
    "update_time": optional(date),
}

REFUND = {
    "id": ID,
    "status": optional(one_of("CANCELLED", "FAILED", "PENDING", "COMPLETED")),
    "status_details": optional({"reason": "ECHECK"}),
    "amount": AMOUNT,
    "custom_id": optional(chars("order-0123", 127)),
    "note_to_payer": optional("Sorry ☕"),
    "links": LINKS,
    "create_time": optional(date),
}

ORDER = {
    "id": ID,
    "intent": "CAPTURE",
    "status": one_of("CREATED", "SAVED", "APPROVED", "VOIDED", "COMPLETED", "PAYER_ACTION_REQUIRED"),
    "payment_source": optional(
        one_of(
            {"paypal": {"account_id": ID, "email_address": "ann@example.com", "name": {"given_name": "Ann"}}},
            {"card": {"last_digits": "0002", "brand": "VISA"}},
        )
    ),
    "purchase_units": [
        {
            "reference_id": "default",
            "amount": {**AMOUNT, "breakdown": optional({"item_total": AMOUNT})},
            "custom_id": optional(chars("order-0123", 127)),
            "description": optional(chars("Two cups ☕ ", 127)),
            "payee": optional({"merchant_id": ID}),
            "payments": optional({"captures": optional(many(CAPTURE, 3)), "refunds": optional(many(REFUND, 2))}),
        }
    ],
    "links": LINKS,
    "create_time": optional(date),
    "update_time": optional(date),
}

DISPUTE = {
    "dispute_id": chars("0123456789", 5, "PP-D-"),
    "create_time": date,
    "update_time": date,
    "disputed_transactions": many(
        {"seller_transaction_id": ID, "custom": optional(chars("order-0123", 127)), "gross_amount": AMOUNT}, 2, 1
    ),
    "reason": one_of("MERCHANDISE_OR_SERVICE_NOT_RECEIVED", "UNAUTHORISED", "OTHER"),
    "status": one_of(
        "OPEN", "WAITING_FOR_BUYER_RESPONSE", "WAITING_FOR_SELLER_RESPONSE", "UNDER_REVIEW", "RESOLVED", "OTHER"
    ),
    "dispute_amount": AMOUNT,
    "dispute_outcome": optional(
        {
            "outcome_code": one_of("RESOLVED_BUYER_FAVOUR", "RESOLVED_SELLER_FAVOUR", "RESOLVED_WITH_PAYOUT", "NONE"),
            "amount_refunded": optional(AMOUNT),
        }
    ),
    "money_movements": optional(
        many(
            {
                "affected_party": one_of("SELLER", "BUYER"),
                "amount": {"currency_code": one_of("EUR", "USD"), "value": "20.00"},
                "initiated_time": date,
                "type": one_of("DEBIT", "CREDIT"),
                "reason": one_of("DISPUTE_FEE", "CHARGEBACK_FEE", "DISPUTE_SETTLEMENT"),
            },
            3,
            1,
        )
    ),
    "dispute_life_cycle_stage": one_of("INQUIRY", "CHARGEBACK", "PRE_ARBITRATION", "ARBITRATION"),
    "seller_response_due_date": optional(date),
    "links": LINKS,
}

TRANSACTION = {
    "transaction_info": {
        "transaction_id": ID,
        "paypal_reference_id": optional(ID),
        "paypal_reference_id_type": optional(one_of("ODR", "TXN", "SUB", "PAP")),
        "transaction_event_code": one_of("T0006", "T0000", "T0107", "T1106", "T1107", "T1201", "T0400"),
        "transaction_initiation_date": today,
        "transaction_amount": AMOUNT,
        "fee_amount": optional({"currency_code": "EUR", "value": "-0.71"}),
        "transaction_status": one_of("D", "P", "S", "V"),
        "custom_field": optional(chars("order-0123", 127)),
        "invoice_id": optional(chars("order-0123", 127)),
    },
    "payer_info": optional({"email_address": "ann@example.com"}),
}

PAGE = {"transaction_details": many(TRANSACTION, 5), "page": 1, "total_pages": 1, "total_items": whole(0, 5)}

SUMMARY = {"dispute_id": chars("0123456789", 5, "PP-D-"), "create_time": date, "dispute_amount": AMOUNT}

ANSWERS: Answers = {
    "create": {"/orders": ORDER},
    "status": {"/orders": ORDER},
    "cancel": {"/orders": {**ORDER, "status": one_of("CREATED", "APPROVED", "VOIDED")}},
    "capture": {"/capture": ORDER},
    "refund": {"/orders": ORDER, "/refund": REFUND},
    "refund_status": {"/refunds": REFUND},
    "payments_between": {"/transactions": PAGE},
    "movements_between": {"/transactions": PAGE},
    "disputes_of": {"/disputes/": DISPUTE, "/disputes": {"items": optional(many(SUMMARY, 2, 1)), "links": []}},
    "read_callback": {
        "": one_of(
            {"event_type": one_of("CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED"), "resource": ORDER},
            {"event_type": one_of("PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.PENDING"), "resource": CAPTURE},
            {"event_type": one_of("PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED"), "resource": REFUND},
            {"event_type": one_of("CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.RESOLVED"), "resource": DISPUTE},
        )
    },
    "token": {
        "/oauth2/token": {
            "access_token": chars(LETTERS, 90, "A21AA"),
            "token_type": "Bearer",
            "app_id": optional("APP-80W284485P519543T"),
            "expires_in": whole(1, 40_000),
        },
        "/orders": ORDER,
    },
}
