"""The control API: for tests and drills only, so it needs no key. Each route calls one method of `Sandbox`."""

from billing.sandbox.messages import Request, Response, json_answer, read_flag, read_text
from billing.sandbox.sandbox import Sandbox

DONE = json_answer(200, {})


def add_fault(sandbox: Sandbox, request: Request) -> Response:
    document = request.json()
    return json_answer(201, {"id": sandbox.fault(document.pop("where", ""), document.pop("kind", ""), **document)})


def list_faults(sandbox: Sandbox, _request: Request) -> Response:
    return json_answer(200, {"faults": [fault.as_json() for fault in sandbox.faults.all()]})


def remove_faults(sandbox: Sandbox, _request: Request, fault_id: str | None = None) -> Response:
    sandbox.clear_faults(fault_id)
    return DONE


def start_outage(sandbox: Sandbox, request: Request) -> Response:
    document = request.json()
    sandbox.outage(document.get("kind", ""), document.get("seconds", ""))
    return json_answer(201, {"kind": document["kind"], "seconds": document["seconds"]})


def end_outage(sandbox: Sandbox, _request: Request) -> Response:
    sandbox.end_outage()
    return DONE


def set_callback_rule(sandbox: Sandbox, request: Request) -> Response:
    return json_answer(200, sandbox.callbacks(**request.json()))


def show_callback_rule(sandbox: Sandbox, _request: Request) -> Response:
    return json_answer(200, sandbox.webhooks.rule.as_json())


def force_status(sandbox: Sandbox, request: Request, payment_id: str) -> Response:
    document = request.json()
    status, reason, amount = document.get("status", ""), document.get("reason", ""), document.get("amount")
    return json_answer(200, sandbox.force(payment_id, status, reason, amount))


def refund_by_hand(sandbox: Sandbox, request: Request, payment_id: str) -> Response:
    return json_answer(201, sandbox.refund(payment_id, request.json().get("amount")))


def start_refunds_as(sandbox: Sandbox, request: Request) -> Response:
    sandbox.refunds_start_as(request.json().get("status", ""))
    return DONE


def force_refund(sandbox: Sandbox, request: Request, refund_id: str) -> Response:
    document = request.json()
    return json_answer(200, sandbox.force_refund(refund_id, document.get("status", ""), document.get("reason", "")))


def list_refunds(sandbox: Sandbox, _request: Request) -> Response:
    return json_answer(200, {"refunds": sandbox.refunds()})


def forge_callback(sandbox: Sandbox, request: Request) -> Response:
    document = request.json()
    event_type = document.get("type", "payment.succeeded")
    sandbox.forge(read_text(document, "payment", 64), event_type, signed=read_flag(document, "signed"))
    return json_answer(202, {"type": event_type})


def list_payments(sandbox: Sandbox, _request: Request) -> Response:
    return json_answer(200, {"payments": sandbox.payments()})


def list_requests(sandbox: Sandbox, request: Request) -> Response:
    return json_answer(200, {"requests": sandbox.requests(request.query.get("payment"))})


def forget_requests(sandbox: Sandbox, _request: Request) -> Response:
    sandbox.journal.clear()
    return DONE


def show_stats(sandbox: Sandbox, _request: Request) -> Response:
    return json_answer(200, sandbox.stats())
