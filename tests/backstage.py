"""Rows for the pages of the admin: so many of each model, the last one with so many of what belongs to it."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model

from billing.models import (
    AccountState,
    Callback,
    Difference,
    Dispute,
    Payment,
    PaymentEvent,
    Proposal,
    Reconciliation,
    Refund,
)
from billing.states import Status
from commerce.models import (
    Cart,
    CartItem,
    DailyReport,
    DeliveryMethod,
    Notification,
    Order,
    OrderLine,
    OrderStatus,
    Product,
    Review,
    Seller,
)
from tests import reporting


def make(model: type[Model], count: int) -> Model:
    """More rows of a model; returns the last one. A model that was added to the admin needs a line in MAKERS."""
    assert model in MAKERS, f"write down in tests/backstage.py how rows of {model.__name__} are made"
    for _ in range(count - 1):
        MAKERS[model](0)
    return MAKERS[model](count)


def registered() -> list[type[Model]]:
    """Every model that the admin shows."""
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


def _order(children: int) -> Order:
    order = reporting.order(OrderStatus.PAID)
    for number in range(children):
        goods = reporting.product(f"Product {number}")
        price = {"price_minor": 450, "currency": "EUR"}
        OrderLine.objects.create(order=order, product=goods, name=goods.name, quantity=1, **price)
        mail(order, f"seller{number}@example.com")
    return order


def mail(order: Order, recipient: str = "ann@example.com", status: str = "sent", error: str = "") -> Notification:
    """One that has come to its end."""
    return Notification.objects.create(
        order=order, kind=Notification.Kind.SELLER_NOTIFICATION, recipient=recipient, subject="s", text="t",
        message_id=f"<{uuid4()}@example.com>", status=status, error=error,
    )  # fmt: skip


def _payment(children: int) -> Payment:
    payment = Payment.objects.get(reference=reporting.order(OrderStatus.PAID).public_id)
    for _ in range(children):
        callback(payment)
    for target in list(Status)[:children]:
        PaymentEvent.objects.get_or_create(
            payment=payment, target=target, defaults={"source": Status.CREATED, "found_by": "callback"}
        )
    return payment


def callback(payment: Payment | None, body: bytes = b"") -> Callback:
    """One that was looked at."""
    body = body or uuid4().hex.encode()
    return Callback.objects.create(
        account="sandbox", body=body, digest=sha256(body).hexdigest(), event="payment.succeeded",
        outcome=Callback.Outcome.LOOKED, payment=payment,
    )  # fmt: skip


def _refund(_: int) -> Refund:
    payment = _payment(0)
    return Refund.objects.create(
        payment=payment, amount_minor=1, status="succeeded", wanted_by="sam", why="broken", ended_at=reporting.MORNING
    )


def _event_of_refund() -> PaymentEvent:
    refund = _refund(0)
    return PaymentEvent.objects.create(
        payment=refund.payment, refund=refund, source="created", target="succeeded", found_by="schedule"
    )


def _proposal(_: int) -> Proposal:
    return Proposal.objects.create(
        about="billing.payment", subject=_payment(0).pk, action="refund", amount_minor=100, currency="EUR",
        answers={"amount": {"value": "1.00", "currency": "EUR"}, "why": "broken", "key": uuid4().hex},
        asked_by="sam", why="broken",
    )  # fmt: skip


def _reconciliation(_: int) -> Reconciliation:
    day = reporting.DAY - timedelta(days=Reconciliation.objects.count())
    return Reconciliation.objects.create(account="sandbox", day=day, compared_at=reporting.MORNING)


def _dispute(_: int) -> Dispute:
    payment = _payment(0)
    return Dispute.objects.create(
        payment=payment, account="sandbox", provider_ref=str(uuid4()), status="open", raw_status="needs_response",
        amount_minor=1, currency=payment.currency, reason="fraudulent", opened_at=reporting.MORNING,
    )  # fmt: skip


def _difference(_: int) -> Difference:
    return Difference.objects.create(
        reconciliation=_reconciliation(0), account="sandbox", kind=Difference.Kind.STATUS, provider_ref=str(uuid4()),
        payment=_payment(0), state=Difference.State.PARKED, last_found_at=reporting.MORNING,
        ours="succeeded, 4.50 EUR", theirs="canceled, 4.50 EUR",
    )  # fmt: skip


def _cart(children: int) -> Cart:
    cart = Cart.objects.create(customer=_user(0))
    for number in range(children):
        CartItem.objects.create(cart=cart, product=reporting.product(f"Product {number}"), quantity=1)
    return cart


def _user(children: int) -> User:
    user = User.objects.create(username=f"user-{uuid4()}")
    user.groups.set([_group(0) for _ in range(children)])
    return user


def _group(children: int) -> Group:
    group = Group.objects.create(name=str(uuid4()))
    group.permissions.set(Permission.objects.all()[:children])
    return group


def _report(children: int) -> DailyReport:
    day = reporting.DAY + timedelta(days=DailyReport.objects.count())
    report = DailyReport.objects.create(day=day, numbers={}, built_at=reporting.MORNING)
    for number in range(children):
        report_mail(report, f"manager{number}@example.com")
    return report


def report_mail(report: DailyReport, recipient: str, status: str = "sent", error: str = "") -> Notification:
    """One that has come to its end."""
    return Notification.objects.create(
        report=report, kind=Notification.Kind.REPORT, recipient=recipient, subject="s", text="t",
        message_id=f"<{uuid4()}@example.com>", status=status, error=error,
    )  # fmt: skip


def _seller(_: int) -> Seller:
    return Seller.objects.create(name="Roastery", email=f"{uuid4()}@sellers.example.com")


def _review(_: int) -> Review:
    return Review.objects.create(
        order=_order(0), product=reporting.product(f"Product {uuid4()}"), rating=4, text="Good.", name="Ann",
        changed_at=reporting.MORNING,
    )  # fmt: skip


MAKERS: dict[type[Model], Callable[[int], Model]] = {
    AccountState: lambda _: AccountState.objects.create(account=uuid4().hex),
    Callback: lambda _: callback(_payment(0)),
    Cart: _cart,
    DailyReport: _report,
    DeliveryMethod: lambda _: DeliveryMethod.objects.create(name="Courier", price_minor=490),
    Difference: _difference,
    Dispute: _dispute,
    Group: _group,
    Notification: lambda _: mail(_order(0)),
    Order: _order,
    Payment: _payment,
    PaymentEvent: lambda _: _event_of_refund(),
    Proposal: _proposal,
    Product: lambda _: reporting.product(f"Product {uuid4()}"),
    Reconciliation: _reconciliation,
    Refund: _refund,
    Review: _review,
    Seller: _seller,
    User: _user,
}
"""Makes one row, with so many of what belongs to it."""
