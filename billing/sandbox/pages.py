"""The HTML pages. Every value from outside is escaped in `fill`, and only there."""

from html import escape
from string import Template

from billing.sandbox.payment import AUTHORIZED, CANCELED, EXPIRED, FAILED, SUCCEEDED, Payment
from billing.sandbox.templates import CHOICE, CLOSING, FINISHED, FRONT, NOTICE, PAGE, ROW, WAY_BACK

# The title of a payment that is no longer open.
OUTCOMES = {
    SUCCEEDED: "This payment is paid.",
    AUTHORIZED: "The money for this payment is held.",
    CANCELED: "This payment was canceled.",
    EXPIRED: "This payment was not paid in time.",
    FAILED: "This payment was declined.",
}


def choice(payment: Payment) -> str:
    """The open payment with its four buttons."""
    return page("Confirm your payment", fill(CHOICE, **facts(payment)))


def finished(payment: Payment, way_back: str) -> str:
    link = fill(WAY_BACK, url=way_back) if way_back else ""
    return page(OUTCOMES[payment.status], fill(FINISHED, **facts(payment)) + link)


def closing(payment: Payment) -> str:
    """The page for a buyer who does not go back to the shop."""
    return page(OUTCOMES[payment.status], fill(CLOSING, **facts(payment)))


def notice(title: str, text: str) -> str:
    return page(title, fill(NOTICE, text=text))


def front(payments: list[Payment]) -> str:
    rows = "".join(fill(ROW, **facts(payment)) for payment in payments)
    return page("Latest payments", FRONT.substitute(rows=rows or '<tr><td colspan="4">None yet.</td></tr>'))


def page(title: str, body: str) -> str:
    """`body` is finished HTML."""
    return PAGE.substitute(title=escape(title), body=body)


def fill(template: Template, **values: str) -> str:
    return template.substitute({name: escape(value) for name, value in values.items()})


def facts(payment: Payment) -> dict[str, str]:
    return {
        "id": payment.id,
        "amount": f"{payment.amount.value} {payment.amount.currency}",
        "description": payment.description or "No description",
        "reference": payment.reference,
        "status": payment.status,
        "expires_at": f"{payment.expires_at:%H:%M:%S} UTC",
    }
