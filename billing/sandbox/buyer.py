"""The buyer's pages: the one behind `pay_url`, and a list of the latest payments."""

from urllib.parse import parse_qs, urlsplit

from billing.sandbox import pages
from billing.sandbox.ledger import ACTIONS
from billing.sandbox.messages import Refused, Request, Response, json_answer
from billing.sandbox.payment import PENDING, Payment
from billing.sandbox.sandbox import Sandbox

LISTED = 50
"""Payments on the front page, newest first."""

# No script, no asset from elsewhere. There is no form-action: browsers apply it to the redirect to the shop as well.
PAGE_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
)


def front_page(sandbox: Sandbox, _request: Request) -> Response:
    return page_answer(200, pages.front(sandbox.ledger.all()[: -LISTED - 1 : -1]))


def health(_sandbox: Sandbox, _request: Request) -> Response:
    return json_answer(200, {"status": "ok"})


def pay_page(sandbox: Sandbox, _request: Request, payment_id: str) -> Response:
    try:
        return payment_page(sandbox.ledger.find(payment_id))
    except Refused:
        return page_answer(404, pages.notice("No such payment", "Please go back to the shop and start again."))


def press_button(sandbox: Sandbox, request: Request, payment_id: str) -> Response:
    """Apply the buyer's choice, then 303 back to the shop, or a final page if the buyer chose to stay.

    A second press shows the finished payment.
    """
    form = {name: values[-1] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
    if form.get("action") not in ACTIONS:
        return page_answer(422, pages.notice("Unknown button", "Please go back and choose one of the buttons."))
    try:
        payment = sandbox.ledger.act(payment_id, form["action"])
    except Refused:
        return pay_page(sandbox, request, payment_id)
    if form.get("stay") == "1" or not payment.return_url:
        return page_answer(200, pages.closing(payment))
    return Response(303, headers=(("Location", way_back(payment)),))


def payment_page(payment: Payment) -> Response:
    is_open = payment.status == PENDING
    return page_answer(200, pages.choice(payment) if is_open else pages.finished(payment, way_back(payment)))


def way_back(payment: Payment) -> str:
    """The shop's return address with the payment's id added to its query; empty when the shop gave none."""
    if not payment.return_url:
        return ""
    parts = urlsplit(payment.return_url)
    query = f"{parts.query}&payment={payment.id}" if parts.query else f"payment={payment.id}"
    return parts._replace(query=query).geturl()


def page_answer(status: int, page: str) -> Response:
    return Response(status, page.encode(), "text/html; charset=utf-8", PAGE_HEADERS)
