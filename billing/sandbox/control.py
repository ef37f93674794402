"""The control API: for tests and drills only, so it needs no key. Each route calls one method of `Sandbox`."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from billing.sandbox.messages import Request, Response, json_answer, read_flag, read_text
from billing.sandbox.sandbox import Sandbox

# The route and the status of its answer; the drill gets the fields of the body and the query, then the ids of the path.
DRILLS: tuple[tuple[str, int, Callable[..., Any]], ...] = (
    (
        "POST /control/faults",
        201,
        lambda sandbox, fields: {"id": sandbox.fault(fields.pop("where", ""), fields.pop("kind", ""), **fields)},
    ),
    ("GET /control/faults", 200, lambda sandbox, _: {"faults": [fault.as_json() for fault in sandbox.faults.all()]}),
    ("DELETE /control/faults", 200, lambda sandbox, _: sandbox.clear_faults()),
    ("DELETE /control/faults/*", 200, lambda sandbox, _, fault_id: sandbox.clear_faults(fault_id)),
    ("POST /control/outage", 201, lambda sandbox, fields: sandbox.outage(fields.get("kind"), fields.get("seconds"))),
    ("DELETE /control/outage", 200, lambda sandbox, _: sandbox.end_outage()),
    ("POST /control/callbacks", 200, lambda sandbox, fields: sandbox.callbacks(**fields)),
    ("GET /control/callbacks", 200, lambda sandbox, _: asdict(sandbox.webhooks.rule)),
    ("GET /control/payments", 200, lambda sandbox, _: {"payments": sandbox.payments()}),
    (
        "POST /control/payments/*",
        200,
        lambda sandbox, fields, payment_id: sandbox.force(
            payment_id, fields.get("status", ""), fields.get("reason", ""), fields.get("amount")
        ),
    ),
    (
        "POST /control/payments/*/refunds",
        201,
        lambda sandbox, fields, payment_id: sandbox.refund(payment_id, fields.get("amount")),
    ),
    ("POST /control/refunds", 200, lambda sandbox, fields: sandbox.refunds_start_as(fields.get("status", ""))),
    ("GET /control/refunds", 200, lambda sandbox, _: {"refunds": sandbox.refunds()}),
    (
        "POST /control/refunds/*",
        200,
        lambda sandbox, fields, refund_id: sandbox.force_refund(
            refund_id, fields.get("status", ""), fields.get("reason", "")
        ),
    ),
    (
        "POST /control/forge",
        202,
        lambda sandbox, fields: sandbox.forge(
            read_text(fields, "payment", 64),
            fields.get("type", "payment.succeeded"),
            signed=read_flag(fields, "signed"),
        ),
    ),
    ("GET /control/requests", 200, lambda sandbox, fields: {"requests": sandbox.requests(fields.get("payment"))}),
    ("DELETE /control/requests", 200, lambda sandbox, _: sandbox.journal.clear()),
    ("GET /control/stats", 200, lambda sandbox, _: sandbox.stats()),
)


def endpoint(status: int, drill: Callable[..., Any]) -> Callable[..., Response]:
    """Answer with the drill's result; with an empty object if it has none."""

    def answer(sandbox: Sandbox, request: Request, *ids: str) -> Response:
        return json_answer(status, drill(sandbox, {**request.query, **request.json()}, *ids) or {})

    return answer
