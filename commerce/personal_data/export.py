"""All data of a customer, for the customer to read (GDPR, articles 15 and 20).

Names of staff and what they noted are left out: they are not the customer's.
"""

from typing import Any

from django.contrib.auth.models import User

from billing.models import Payment, Refund
from billing.payments import service as payments
from commerce.models import Cart, Notification, Order
from commerce.personal_data.people import Person
from config.due.queue import database_now


def export(person: Person) -> dict[str, Any]:
    """As JSON: times in UTC, amounts with their currency. Raises NotACustomer."""
    person.check()
    orders = [_order(each) for each in person.orders.prefetch_related("lines", "reviews__product", "notifications")]
    other_mails = person.mails.filter(order__isnull=True)
    return {
        "address": person.address,
        "made_at": database_now(),
        "accounts": [_account(each) for each in person.accounts],
        "orders": orders,
        "other_mails": [_mail(each) for each in other_mails],
    }


def _account(user: User) -> dict[str, Any]:
    cart = Cart.objects.filter(customer=user).prefetch_related("items__product").first()
    return {
        "user_name": user.get_username(),
        "name": user.get_full_name(),
        "email": user.email,
        "joined_at": user.date_joined,
        "last_login_at": user.last_login,
        "cart": [f"{item.quantity} × {item.product.title}" for item in cart.items.all()] if cart else [],
    }


def _order(order: Order) -> dict[str, Any]:
    history = payments.history(order.public_id)
    return {
        "number": order.number,
        "status": order.status,
        **{name: getattr(order, name) for name in ("email", "name", "address", "language")},
        "lines": [{"goods": str(line), "total": line.total.as_json()} for line in order.lines.all()],
        "delivery": order.delivery_title,
        "total": order.total.as_json(),
        **{name: getattr(order, name) for name in ("placed_at", "ended_at", "sent_at", "delivered_at", "refunded_at")},
        "payments": [_payment(each) for each in history.payments],
        "refunds": [_refund(each) for each in history.refunds],
        "reviews": [
            {"product": each.product.title, "rating": each.rating, "name": each.name, "text": each.text}
            for each in order.reviews.all()
        ],
        "mails": [
            _mail(each) for each in order.notifications.all() if each.recipient.casefold() == order.email.casefold()
        ],
    }


def _payment(payment: Payment) -> dict[str, Any]:
    names = ("account", "provider_ref", "status", "created_at", "ended_at")
    return {"amount": payment.amount.as_json(), **{name: getattr(payment, name) for name in names}}


def _refund(refund: Refund) -> dict[str, Any]:
    names = ("provider_ref", "status", "created_at", "ended_at")
    return {"amount": refund.amount.as_json(), **{name: getattr(refund, name) for name in names}}


def _mail(mail: Notification) -> dict[str, Any]:
    return {name: getattr(mail, name) for name in ("recipient", "subject", "text", "queued_at", "sent_at")}
