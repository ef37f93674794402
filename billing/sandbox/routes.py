"""The table of routes, and how a request finds its route."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from billing.sandbox import buyer, control, merchant
from billing.sandbox.messages import Refused, Request, Response
from billing.sandbox.sandbox import Sandbox

Endpoint = Callable[..., Response]


@dataclass(frozen=True)
class Route:
    """`place` is the name that faults use for a route of the merchant API; other routes have none."""

    method: str
    pattern: re.Pattern[str]
    endpoint: Endpoint
    place: str | None = None

    def answer(self, sandbox: Sandbox, request: Request, args: tuple[str, ...]) -> Response:
        """Call the endpoint; a refusal becomes a response too."""
        try:
            if self.place:
                merchant.authorize(sandbox, request)
            return self.endpoint(sandbox, request, *args)
        except Refused as refusal:
            return refusal.answer()

    def payment_in(self, args: tuple[str, ...]) -> str | None:
        """The id of the payment in the path, if there is one."""
        return args[0] if args and "/payments/" in self.pattern.pattern else None


def route(rule: str, endpoint: Endpoint, place: str | None = None) -> Route:
    """`rule` is a method and a path; each `*` in the path is an argument of the endpoint."""
    method, path = rule.split()
    return Route(method, re.compile(path.replace("*", "([^/]+)")), endpoint, place)


ROUTES = (
    # the shop; the most frequent route first
    route("GET /v1/payments/*", merchant.show_payment, "status"),
    route("POST /v1/payments", merchant.create_payment, "create"),
    route("GET /v1/payments", merchant.list_payments, "list"),
    route("POST /v1/payments/*/cancel", merchant.cancel_payment, "cancel"),
    route("POST /v1/payments/*/refunds", merchant.create_refund, "refund"),
    route("GET /v1/refunds/*", merchant.show_refund, "refund"),
    # the buyer
    route("GET /", buyer.front_page),
    route("GET /pay/*", buyer.pay_page),
    route("POST /pay/*", buyer.press_button),
    route("GET /healthz", buyer.health),
    # tests and drills
    route("POST /control/faults", control.add_fault),
    route("GET /control/faults", control.list_faults),
    route("DELETE /control/faults", control.remove_faults),
    route("DELETE /control/faults/*", control.remove_faults),
    route("POST /control/outage", control.start_outage),
    route("DELETE /control/outage", control.end_outage),
    route("POST /control/callbacks", control.set_callback_rule),
    route("GET /control/callbacks", control.show_callback_rule),
    route("GET /control/payments", control.list_payments),
    route("POST /control/payments/*", control.force_status),
    route("POST /control/payments/*/refunds", control.refund_by_hand),
    route("POST /control/refunds", control.start_refunds_as),
    route("GET /control/refunds", control.list_refunds),
    route("POST /control/refunds/*", control.force_refund),
    route("POST /control/forge", control.forge_callback),
    route("GET /control/requests", control.list_requests),
    route("DELETE /control/requests", control.forget_requests),
    route("GET /control/stats", control.show_stats),
)


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The route and the arguments from the path. Refuses an unknown path with 404, a wrong method with 405."""
    found = [(route, match) for route in ROUTES if (match := route.pattern.fullmatch(path))]
    for candidate, match in found:
        if candidate.method == method:
            return candidate, match.groups()
    if found:
        raise Refused(405, "method_not_allowed", f"{path} does not answer {method}.")
    raise Refused(404, "not_found", "There is nothing at this address.")
