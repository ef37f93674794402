"""A shop for tests: real rows, the real provider over real HTTP, and methods for what customers and sweeps do."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from django.db.models import F, Model, Q
from django.test import Client

from billing.callbacks import inbox
from billing.models import AskedBy, Callback, Payment, Refund
from billing.money import Money
from billing.payments import service as payments
from billing.payments import sweep as payment_sweep
from billing.payments.check import CHECK_QUEUE
from billing.providers.base import CallbackRequest
from billing.refunds import follow
from billing.refunds import service as refunds
from billing.sandbox import SandboxServer
from billing.sandbox.webhook_delivery import signature
from billing.states import Status
from commerce import carts, orders, settlement
from commerce.mail import order_link, sending
from commerce.mail.queue import MAIL_QUEUE
from commerce.models import Cart, Order, Product, Seller
from config.due.queue import Due, database_now

CUSTOMER = orders.Customer(email="ann@example.com", name="Ann", address="1 Main Street", language="en")


SECRET = "sandbox-secret"

SWEEPS: list[tuple[Due[Any], Callable[[], int]]] = [
    (inbox.CALLBACK_QUEUE, inbox.process_due),
    (CHECK_QUEUE, lambda: payment_sweep.check_due("sandbox", 5)),
    (follow.REFUND_QUEUE, lambda: follow.follow_due("sandbox", 5)),
    (settlement.SETTLEMENT_QUEUE, settlement.settle_due),
    (orders.EXPIRY_QUEUE, orders.expire_due),
    (MAIL_QUEUE, lambda: sending.send_due(100)),
]
"""What the schedule would do about the rows of each queue."""

M = TypeVar("M", bound=Model)


def sandbox_account(server: SandboxServer) -> dict[str, str]:
    """The PAYMENT_ACCOUNTS entry of an account at this server."""
    return {"provider": "sandbox", "url": server.url, "api_key": server.api_key, "callback_secret": SECRET}


def signed(body: bytes, secret: str = SECRET) -> CallbackRequest:
    """The body, signed now as the provider would."""
    return CallbackRequest(body, {"sandbox-signature": signature(secret, body)}, "127.0.0.1")


def written_payment(now: datetime, **facts: Any) -> Payment:
    """A pending payment of 1.00 EUR: not saved, and unknown to the provider."""
    row = {
        "account": "sandbox",
        "amount_minor": 100,
        "currency": "EUR",
        "description": "test",
        "return_url": "http://127.0.0.1/",
        "status": Status.PENDING,
        "window_ends_at": now + timedelta(hours=1),
    }
    return Payment(**{**row, **facts})


def another_customer(number: int) -> orders.Customer:
    """Orders of several customers count for none of them together."""
    return replace(CUSTOMER, email=f"customer{number}@example.com")


def with_mail(visitor: Client, order: Order) -> Client:
    """The browser, once its visitor has opened the link in the order's mail: it may see the whole order."""
    visitor.get(urlsplit(order_link.address(order)).path)
    return visitor


class Shop:
    """Sets up in one line what a test needs."""

    def __init__(self, sandbox: SandboxServer) -> None:
        self.sandbox = sandbox

    def seller(self, login: str = "roastery", **facts: object) -> Seller:
        """A seller; the same one for the same login."""
        return Seller.objects.get_or_create(
            email=f"{login}@sellers.example.com", defaults={"name": login.title(), **facts}
        )[0]

    def product(
        self, slug: str = "espresso", *, stock: int = 10, price_minor: int = 450, seller: Seller | None = None
    ) -> Product:
        """A product."""
        owner = seller or self.seller()
        return Product.objects.create(slug=slug, name=slug.title(), price_minor=price_minor, stock=stock, seller=owner)

    def cart(self, *products: Product, quantity: int = 1) -> Cart:
        """A cart with this quantity of each product; the first product if none is given."""
        cart = Cart.objects.create()
        for product in products or (Product.objects.first() or self.product(),):
            carts.add(cart, product, quantity)
        return cart

    def order(self, *products: Product, quantity: int = 1, by: orders.Customer = CUSTOMER) -> tuple[Order, Payment]:
        """An order whose payment the provider knows."""
        order, payment = orders.place(self.cart(*products, quantity=quantity), by)
        return order, payments.introduce(payment)

    def buyer(self, payment: Payment, action: str) -> None:
        """The buyer's action on the provider's page: pay, cancel, decline or authorize."""
        self.sandbox.act(payment.provider_ref, action)

    def paid(self, *products: Product, quantity: int = 1) -> tuple[Order, Payment]:
        """An order that is paid and settled."""
        order, payment = self.order(*products, quantity=quantity)
        self.buyer(payment, "pay")
        self.sweep_now(payment)
        return self.fresh(order), self.fresh(payment)

    def refund(self, payment: Payment, value: str = "", key: str = "") -> Refund:
        """An operator refunds this amount, or the rest; not yet followed."""
        amount = Money.parse(value, payment.currency) if value else None
        return refunds.start(payment.pk, amount, wanted_by="olga", why="cold coffee", key=key or uuid4().hex)

    def follow(self, refund: Refund) -> Refund:
        """Follow it now, before its due time."""
        follow.REFUND_QUEUE.make_due(Q(pk=refund.pk), AskedBy.OPERATOR)
        follow.follow_one(refund.pk)
        return self.fresh(refund)

    def look(self, payment: Payment) -> Payment:
        """Check the payment now, like the sweep, before its due time, and also after its end."""
        payments.check_now(payment, AskedBy.OPERATOR)
        payment_sweep.check_one(payment.pk)
        return self.fresh(payment)

    def questions(self, payment: Payment) -> int:
        """The number of queries that the provider got about the payment."""
        return sum(each["method"] == "GET" for each in self.sandbox.requests(payment.provider_ref))

    def sweep(self) -> None:
        """Do everything that the schedule would do, until nothing is due."""
        for _ in range(20):
            if not sum(work() for queue, work in SWEEPS if queue.due(database_now()).exists()):
                return

    def sweep_now(self, payment: Payment) -> None:
        """Run the sweep with this payment due."""
        CHECK_QUEUE.make_due(Q(pk=payment.pk), AskedBy.OPERATOR)
        self.sweep()

    def callback(self, payment: Payment, event: str = "payment.succeeded") -> bytes:
        """The body of a callback about the payment, as the provider would send it."""
        about = {"id": payment.provider_ref, "reference": payment.reference}
        return json.dumps({"id": f"evt_{payment.pk}", "type": event, "payment": about}).encode()

    def receive(self, payment: Payment, event: str = "payment.succeeded") -> Callback:
        """The provider's callback arrives, some time after the last one."""
        self.let_interval_pass()
        return inbox.receive("sandbox", signed(self.callback(payment, event)))

    def let_interval_pass(self) -> None:
        """The next page or callback causes a check at once, as if the last one had been long ago."""
        for model in (Payment, Refund):
            model.objects.update(requested_for=None)

    def let_time_pass(self, seconds: float) -> None:
        """Shift every due time and deadline into the past, as if the test had slept."""
        gap = timedelta(seconds=seconds)
        self.let_interval_pass()
        Payment.objects.update(created_at=F("created_at") - gap, window_ends_at=F("window_ends_at") - gap)
        Payment.objects.filter(next_check_at__isnull=False).update(next_check_at=F("next_check_at") - gap)
        Order.objects.update(pay_before=F("pay_before") - gap)
        Order.objects.filter(expires_at__isnull=False).update(expires_at=F("expires_at") - gap)

    @staticmethod
    def fresh(row: M) -> M:
        """The row as it is in the database now."""
        return type(row)._default_manager.get(pk=row.pk)
