"""The buyer's pages: the one behind `pay_url`, and a list of the latest payments.

`page.html` is the frame of every page. Every value from outside is escaped before it is filled in.
"""

from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, urlsplit

from billing.sandbox.ledger import ACTIONS
from billing.sandbox.messages import HTML, Refused, Request, Response
from billing.sandbox.payment import AUTHORIZED, CANCELED, EXPIRED, FAILED, PENDING, SUCCEEDED, Payment
from billing.sandbox.sandbox import Sandbox

LISTED = 50
"""Payments on the front page, newest first."""

# No script, no asset from elsewhere. There is no form-action: browsers apply it to the redirect to the shop as well.
PAGE_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
)

# The title of a payment that is no longer open.
OUTCOMES = {
    SUCCEEDED: "This payment is paid.",
    PENDING: "Your bank is working on this payment.",
    AUTHORIZED: "The money for this payment is held.",
    CANCELED: "This payment was canceled.",
    EXPIRED: "This payment was not paid in time.",
    FAILED: "This payment was declined.",
}

PAGE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))

_FACTS = """<p class="amount">$amount</p>
<dl>
<div><dt>For</dt><dd>$description</dd></div>
<div><dt>Shop reference</dt><dd>$reference</dd></div>
</dl>
"""

CHOICE = Template(
    _FACTS
    + """<form method="post" action="/pay/$id">
<button class="go" name="action" value="pay">Pay $amount</button>
<button name="action" value="transfer">Pay by bank transfer, which takes days</button>
<button name="action" value="authorize">Pay, but only hold the money</button>
<button name="action" value="decline">Let the card be declined</button>
<button name="action" value="cancel">Cancel</button>
<label><input type="checkbox" name="stay" value="1"> Close the tab: do not go back to the shop</label>
</form>
<p>Open until $expires_at.</p>
"""
)

FINISHED = Template(_FACTS + "<p>There is nothing left to do here. Status: $status.</p>\n")

WAY_BACK = Template('<p><a href="$url">Back to the shop</a></p>\n')

CLOSING = Template(_FACTS + "<p>You can close this tab. The shop learns about it without you.</p>\n")

FRONT = Template("""<div class="scroll" tabindex="0" role="region" aria-labelledby="title">
<table>
<thead><tr>
<th scope="col">Amount</th><th scope="col">Status</th><th scope="col">Reference</th><th scope="col">For</th>
</tr></thead>
<tbody>$rows</tbody>
</table>
</div>
""")

ROW = Template(
    '<tr><td><a href="/pay/$id">$amount</a></td><td>$status</td><td>$reference</td><td>$description</td></tr>\n'
)


def front_page(sandbox: Sandbox, _request: Request) -> Response:
    rows = "".join(fill(ROW, payment) for payment in sandbox.ledger.all()[: -LISTED - 1 : -1])
    return page(200, "Latest payments", FRONT.substitute(rows=rows or '<tr><td colspan="4">None yet.</td></tr>'))


def pay_page(sandbox: Sandbox, _request: Request, payment_id: str) -> Response:
    """The open payment with its buttons, or its outcome and the way back to the shop."""
    try:
        payment = sandbox.ledger.find(payment_id)
    except Refused:
        return page(404, "No such payment", "<p>Please go back to the shop and start again.</p>\n")
    if payment.is_open:
        return page(200, "Confirm your payment", fill(CHOICE, payment))
    link = WAY_BACK.substitute(url=escape(way_back(payment))) if payment.return_url else ""
    return page(200, OUTCOMES[payment.status], fill(FINISHED, payment) + link)


def press_button(sandbox: Sandbox, request: Request, payment_id: str) -> Response:
    """Apply the buyer's choice, then 303 to the shop, or a page for a buyer who stays. A repeat shows the outcome."""
    form = {name: values[-1] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
    if form.get("action") not in ACTIONS:
        return page(422, "Unknown button", "<p>Please go back and choose one of the buttons.</p>\n")
    try:
        payment = sandbox.ledger.act(payment_id, form["action"])
    except Refused:
        return pay_page(sandbox, request, payment_id)
    if form.get("stay") == "1" or not payment.return_url:
        return page(200, OUTCOMES[payment.status], fill(CLOSING, payment))
    return Response(303, headers=(("Location", way_back(payment)),))


def way_back(payment: Payment) -> str:
    """The shop's return address with the payment's id added to its query."""
    parts = urlsplit(payment.return_url)
    query = f"{parts.query}&payment={payment.id}" if parts.query else f"payment={payment.id}"
    return parts._replace(query=query).geturl()


def page(status: int, title: str, body: str) -> Response:
    """`title` is a fixed text, `body` is finished HTML."""
    return Response(status, PAGE.substitute(title=title, body=body).encode(), HTML, PAGE_HEADERS)


def fill(template: Template, payment: Payment) -> str:
    """The template with the values of the payment, all of them escaped."""
    values = {
        "id": payment.id,
        "amount": f"{payment.amount.value} {payment.amount.currency}",
        "description": payment.description or "No description",
        "reference": payment.reference,
        "status": payment.standing,
        "expires_at": f"{payment.expires_at:%H:%M:%S} UTC",
    }
    return template.substitute({name: escape(value) for name, value in values.items()})
