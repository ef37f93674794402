"""Stripe: checkout.session, payment_intent, charge, refund, dispute and event of https://github.com/stripe/openapi."""

from tests.conformance.shapes.shape import Answers, chars, many, nullable, one_of, optional, whole

LETTERS = "abcdefghijkLMNOPQRSTUVWXYZ0123456789"

AMOUNT = 1250

SECONDS = whole(1_400_000_000, 1_900_000_000)


def ident(prefix: str) -> object:
    return chars(LETTERS, 60, prefix)


METADATA = nullable({"reference": chars("order-0123", 64), "payment": ident("")})

CHARGE = {
    "id": ident("ch_"),
    "object": "charge",
    "amount": AMOUNT,
    "amount_captured": AMOUNT,
    "amount_refunded": one_of(0, 400, AMOUNT),
    "created": SECONDS,
    "currency": "eur",
    "disputed": one_of(True, False),
    "failure_code": nullable("card_declined"),
    "metadata": {},
    "outcome": nullable({"type": "authorized", "reason": None, "risk_score": whole(0, 99)}),
    "paid": True,
    "payment_intent": nullable(ident("pi_")),
    "status": one_of("succeeded", "pending", "failed"),
}

INTENT = {
    "id": ident("pi_"),
    "object": "payment_intent",
    "amount": AMOUNT,
    "amount_received": AMOUNT,
    "cancellation_reason": nullable(one_of("abandoned", "requested_by_customer", "automatic")),
    "created": SECONDS,
    "currency": "eur",
    "last_payment_error": nullable(
        {
            "type": one_of("card_error", "invalid_request_error"),
            "code": optional(one_of("card_declined", "payment_intent_authentication_failure")),
            "decline_code": optional(one_of("insufficient_funds", "do_not_honor")),
            "message": "Your card was declined.",
            "payment_method": {"id": ident("pm_"), "card": {"last4": "0002"}},
        }
    ),
    "latest_charge": nullable(one_of(ident("ch_"), CHARGE)),
    "metadata": METADATA,
    "next_action": nullable({"type": "redirect_to_url", "redirect_to_url": {"url": "https://hooks.stripe.com/x"}}),
    "status": one_of(
        "requires_payment_method",
        "requires_confirmation",
        "requires_action",
        "processing",
        "requires_capture",
        "succeeded",
        "canceled",
    ),
}

SESSION = {
    "id": ident("cs_test_"),
    "object": "checkout.session",
    "amount_subtotal": nullable(AMOUNT),
    "amount_total": AMOUNT,
    "client_reference_id": nullable(chars("order-0123", 200)),
    "created": SECONDS,
    "currency": "eur",
    "customer_details": nullable({"email": "ann@example.com", "address": {"country": "DE", "line1": None}}),
    "expires_at": SECONDS,
    "livemode": one_of(True, False),
    "metadata": METADATA,
    "mode": "payment",
    "payment_intent": nullable(one_of(ident("pi_"), INTENT)),
    "payment_status": one_of("paid", "unpaid", "no_payment_required"),
    "status": one_of("open", "complete", "expired"),
    "total_details": nullable({"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}),
    "url": nullable(chars(LETTERS, 400, "https://checkout.stripe.com/c/pay/")),
}

OTHER_USE = {**SESSION, "mode": "setup", "amount_total": None, "currency": None, "payment_intent": None}

REFUND = {
    "id": ident("re_"),
    "object": "refund",
    "amount": AMOUNT,
    "charge": nullable(ident("ch_")),
    "created": SECONDS,
    "currency": "eur",
    "failure_reason": optional(one_of("lost_or_stolen_card", "expired_or_canceled_card", "unknown")),
    "metadata": nullable({"refund": ident("")}),
    "payment_intent": nullable(ident("pi_")),
    "reason": nullable("requested_by_customer"),
    "status": nullable(one_of("pending", "requires_action", "succeeded", "failed", "canceled")),
}

DISPUTE = {
    "id": ident("dp_"),
    "object": "dispute",
    "amount": AMOUNT,
    "balance_transactions": many(
        {
            "id": ident("txn_"),
            "object": "balance_transaction",
            "amount": one_of(-AMOUNT, AMOUNT),
            "currency": one_of("eur", "usd"),
            "fee": one_of(0, 1500, -1500),
            "net": one_of(-AMOUNT - 1500, AMOUNT),
        },
        2,
    ),
    "charge": one_of(ident("ch_"), CHARGE),
    "created": SECONDS,
    "currency": "eur",
    "evidence": {"customer_name": nullable("Ann"), "product_description": None},
    "evidence_details": {
        "due_by": nullable(one_of(0, SECONDS)),
        "has_evidence": one_of(True, False),
        "past_due": False,
        "submission_count": whole(0, 2),
    },
    "is_charge_refundable": one_of(True, False),
    "metadata": {},
    "payment_intent": nullable(one_of(ident("pi_"), INTENT)),
    "reason": one_of("fraudulent", "product_not_received", "general"),
    "status": one_of(
        "warning_needs_response",
        "warning_under_review",
        "warning_closed",
        "needs_response",
        "under_review",
        "won",
        "lost",
        "prevented",
    ),
}


def listed(*rows: object) -> object:
    return {"object": "list", "url": "/v1/rows", "has_more": False, "data": many(one_of(*rows), 5)}


def event(*types: str, about: object) -> object:
    return {"id": ident("evt_"), "object": "event", "type": one_of(*types), "data": {"object": about}}


PAID = {**SESSION, "payment_intent": INTENT}

ANSWERS: Answers = {
    "create": {"/checkout/sessions": SESSION},
    "status": {"/checkout/sessions": SESSION},
    "status:pi_1": {"/payment_intents": INTENT},
    "cancel": {"/checkout/sessions": SESSION},
    "cancel:pi_1": {"/payment_intents": INTENT},
    "refund": {"/checkout/sessions": PAID, "/refunds": REFUND},
    "refund_status": {"/refunds": REFUND},
    "payments_between": {"/checkout/sessions": listed(SESSION, OTHER_USE)},
    "movements_between": {"/refunds": listed(REFUND), "/disputes": listed(DISPUTE)},
    "disputes_of": {"/disputes": listed(DISPUTE)},
    "read_callback": {
        "": one_of(
            event("checkout.session.completed", "checkout.session.expired", about=SESSION),
            event("payment_intent.succeeded", "payment_intent.payment_failed", about=INTENT),
            event("charge.refunded", "charge.failed", about=CHARGE),
            event("refund.created", "refund.failed", about=REFUND),
            event("charge.dispute.created", "charge.dispute.closed", about=DISPUTE),
        )
    },
}
