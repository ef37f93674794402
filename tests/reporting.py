"""Orders of a day that is over: rows as the shop would have left them."""

from datetime import UTC, date, datetime, timedelta

from django.utils.text import slugify

from billing.models import Payment, PaymentEvent
from billing.states import END_STATES, Status
from commerce.models import Notification, Order, OrderLine, OrderStatus, Product, Seller
from commerce.reports import days
from config.due.queue import database_now

DAY = date(2026, 3, 2)
MORNING = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

_ENDS = {
    OrderStatus.PAID: Status.SUCCEEDED,
    OrderStatus.CANCELED: Status.CANCELED,
    OrderStatus.EXPIRED: Status.EXPIRED,
    OrderStatus.AWAITING_PAYMENT: Status.PENDING,
}


def yesterday() -> date:
    """The last day that is over."""
    return days.last_closed(database_now())


def noon(day: date) -> datetime:
    """In the middle of it."""
    start, end = days.bounds(day)
    return start + (end - start) / 2


def product(name: str = "Espresso", currency: str = "EUR", price_minor: int = 450) -> Product:
    """The one of that name."""
    facts = {"name": name, "currency": currency, "price_minor": price_minor, "stock": 99}
    facts["seller"], _ = Seller.objects.get_or_create(
        email="roastery@sellers.example.com", defaults={"name": "Roastery"}
    )
    return Product.objects.get_or_create(slug=slugify(f"{name} {currency}") or "p", defaults=facts)[0]


def order(
    status: OrderStatus = OrderStatus.PAID,
    at: datetime = MORNING,
    *,
    ended_at: datetime | None = None,
    found_by: str = "callback",
    of: Product | None = None,
    quantity: int = 1,
    source: Status = Status.PENDING,
    mail: str = "",
    delivery_minor: int = 0,
) -> Order:
    """An order placed then, that came to its end `ended_at` (ten minutes later), with its payment and its mail.

    `source` is the payment's state before it succeeded: an unpaid end makes it a late payment.
    """
    goods = of or product()
    end = None if status == OrderStatus.AWAITING_PAYMENT else ended_at or at + 10 * MINUTE
    total = goods.price_minor * quantity + delivery_minor
    placed = Order(
        email="ann@example.com", name="Ann", address="1 Main Street", total_minor=total, currency=goods.currency,
        placed_at=at, pay_before=at + HOUR, expires_at=None if end else at + HOUR, status=status, ended_at=end,
        delivery_name="Courier" if delivery_minor else "", delivery_price_minor=delivery_minor,
    )  # fmt: skip
    payment = _payment(placed, _ENDS[status], at, end, found_by)
    placed.paid_with = payment if status == OrderStatus.PAID else None
    placed.save()
    OrderLine.objects.create(
        order=placed, product=goods, name=goods.name, price_minor=goods.price_minor, currency=goods.currency,
        quantity=quantity,
    )  # fmt: skip
    if end and status == OrderStatus.PAID:
        _event(payment, source, end)
    if mail:
        _mail(placed, mail, end or at)
    return placed


def money_comes(late: Order, at: datetime) -> None:
    """For an order that was given up, and stays so."""
    payment = Payment.objects.get(reference=late.public_id)
    source = Status(payment.status)
    Payment.objects.filter(pk=payment.pk).update(status=Status.SUCCEEDED, ended_at=at, found_by="schedule")
    _event(payment, source, at)
    late.attention_note = f"late payment: payment {payment.pk} succeeded after the stock was sold"
    late.save()


def _payment(placed: Order, status: Status, at: datetime, end: datetime | None, found_by: str) -> Payment:
    open_until = None if status in END_STATES else at + HOUR
    return Payment.objects.create(
        account="sandbox", provider_ref=f"pay_{placed.public_id}", reference=placed.public_id, description="an order",
        amount_minor=placed.total_minor, currency=placed.currency, return_url="http://127.0.0.1/", status=status,
        created_at=at, window_ends_at=at + HOUR, next_check_at=open_until,
        ended_at=end if status in END_STATES else None,
        found_by=found_by if status in END_STATES else "",
    )  # fmt: skip


def _event(payment: Payment, source: Status, at: datetime) -> None:
    PaymentEvent.objects.create(payment=payment, source=source, target=Status.SUCCEEDED, found_by="schedule", at=at)


def _mail(about: Order, status: str, at: datetime) -> None:
    queued = status == Notification.Status.QUEUED
    written = Notification.objects.create(
        order=about, kind=Notification.Kind.ORDER_CONFIRMATION, recipient=about.email, subject="s", text="t",
        message_id=f"<{about.public_id}@example.com>", status=status, send_after=at if queued else None,
        sent_at=at if status == Notification.Status.SENT else None,
    )  # fmt: skip
    Notification.objects.filter(pk=written.pk).update(queued_at=at)
