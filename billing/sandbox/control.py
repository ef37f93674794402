"""The control API: for tests and drills only, so it needs no key. Each route calls one method of `Sandbox`."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from billing.sandbox.messages import Request, Response, json_answer, read_flag, read_text
from billing.sandbox.sandbox import Sandbox

Drill = Callable[..., Any]
"""Gets the sandbox, the fields of the body and the query, and the ids of the path; returns what is answered, if any."""

DRILLS: dict[str, Drill] = {
    "POST /control/faults": lambda sandbox, fields: {
        "id": sandbox.fault(fields.pop("where", ""), fields.pop("kind", ""), **fields)
    },
    "GET /control/faults": lambda sandbox, _: {"faults": [fault.as_json() for fault in sandbox.faults.all()]},
    "DELETE /control/faults": lambda sandbox, _: sandbox.clear_faults(),
    "DELETE /control/faults/*": lambda sandbox, _, fault_id: sandbox.clear_faults(fault_id),
    "POST /control/outage": lambda sandbox, fields: sandbox.outage(fields.get("kind"), fields.get("seconds")),
    "DELETE /control/outage": lambda sandbox, _: sandbox.end_outage(),
    "POST /control/callbacks": lambda sandbox, fields: sandbox.callbacks(**fields),
    "GET /control/callbacks": lambda sandbox, _: asdict(sandbox.webhooks.rule),
    "GET /control/payments": lambda sandbox, _: {"payments": sandbox.payments()},
    "POST /control/payments/*": lambda sandbox, fields, payment_id: sandbox.force(
        payment_id, fields.get("status", ""), fields.get("reason", ""), fields.get("amount")
    ),
    "DELETE /control/payments/*": lambda sandbox, _, payment_id: sandbox.forget(payment_id),
    "POST /control/payments/*/refunds": lambda sandbox, fields, payment_id: sandbox.refund(
        payment_id, fields.get("amount"), callback=fields.get("callback", False)
    ),
    "POST /control/payments/*/disputes": lambda sandbox, fields, payment_id: sandbox.dispute(payment_id, **fields),
    "GET /control/disputes": lambda sandbox, _: {"disputes": sandbox.disputes()},
    "POST /control/disputes/*": lambda sandbox, fields, dispute_id: sandbox.force_dispute(
        dispute_id, fields.get("status", "")
    ),
    "POST /control/refunds": lambda sandbox, fields: sandbox.refunds_start_as(fields.get("status", "")),
    "GET /control/refunds": lambda sandbox, _: {"refunds": sandbox.refunds()},
    "POST /control/refunds/*": lambda sandbox, fields, refund_id: sandbox.force_refund(
        refund_id, fields.get("status", ""), fields.get("reason", "")
    ),
    "POST /control/forge": lambda sandbox, fields: sandbox.forge(
        read_text(fields, "payment", 64),
        fields.get("type", "payment.succeeded"),
        signed=read_flag(fields, "signed"),
    ),
    "GET /control/requests": lambda sandbox, fields: {"requests": sandbox.requests(fields.get("payment"))},
    "DELETE /control/requests": lambda sandbox, _: sandbox.journal.clear(),
    "GET /control/stats": lambda sandbox, _: sandbox.stats(),
}

STATUSES = {
    "POST /control/faults": 201,
    "POST /control/outage": 201,
    "POST /control/payments/*/refunds": 201,
    "POST /control/payments/*/disputes": 201,
    "POST /control/forge": 202,
}
"""Of what is made; any other answer is a 200."""


def endpoint(rule: str) -> Callable[..., Response]:
    """Answers with the result of the drill."""

    def answer(sandbox: Sandbox, request: Request, *ids: str) -> Response:
        result = DRILLS[rule](sandbox, {**request.query, **request.json()}, *ids)
        return json_answer(STATUSES.get(rule, 200), result or {})

    return answer
