"""An order, and the states it goes through.

    awaiting_payment ───▶ paid ───▶ delivered
        │                  ▲ │           │
        │       late money │ ▼           ▼
        ▼                  │ refunded ◀──┘
    canceled · expired ────┘

It holds its stock while it awaits payment, and for good once it is paid. Only when all of its money has gone back is a
paid order undone; its goods are on the shelf again then, unless they were delivered. Late money is taken where the
stock is still there.
"""

import secrets
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now, Upper
from django.utils.translation import gettext_lazy as _

from billing.models import Payment
from billing.money import Money
from commerce.models.cart import Cart
from commerce.models.product import Product
from config.due.queue import DueRow


class OrderStatus(models.TextChoices):
    """Where an order is."""

    AWAITING_PAYMENT = "awaiting_payment", _("awaiting payment")
    PAID = "paid", _("paid")
    DELIVERED = "delivered", _("delivered")
    CANCELED = "canceled", _("cancelled")
    EXPIRED = "expired", _("expired")
    REFUNDED = "refunded", _("refunded")


ORDER_ARROWS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.AWAITING_PAYMENT: frozenset({OrderStatus.PAID, OrderStatus.CANCELED, OrderStatus.EXPIRED}),
    # Late money, where the stock is still there.
    OrderStatus.CANCELED: frozenset({OrderStatus.PAID}),
    OrderStatus.EXPIRED: frozenset({OrderStatus.PAID}),
    OrderStatus.PAID: frozenset({OrderStatus.DELIVERED, OrderStatus.REFUNDED}),
    OrderStatus.DELIVERED: frozenset({OrderStatus.REFUNDED}),
    OrderStatus.REFUNDED: frozenset(),
}

WITH_MONEY = frozenset({OrderStatus.PAID, OrderStatus.DELIVERED})
"""States of an order whose money the shop has, at least a part of it."""

WAS_PAID = WITH_MONEY | {OrderStatus.REFUNDED}
"""States of an order that was paid, and knows with what, whatever became of the money."""


class ForbiddenArrow(ValueError):
    """An order does not go from one of these states to the other."""


def new_public_id() -> str:
    """128 random bits: whoever knows the id may see the order, so nobody may guess it."""
    return secrets.token_urlsafe(16)


class Order(DueRow):
    """What a customer ordered. It holds its stock from the moment it is placed until it is cancelled or expires."""

    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", help_text="Empty: a guest."
    )
    cart = models.ForeignKey(
        Cart, models.SET_NULL, null=True, blank=True, related_name="+", help_text="The cart it was placed from."
    )
    email = models.EmailField()
    name = models.CharField(max_length=100)
    address = models.TextField(max_length=500)
    language = models.CharField(max_length=8, default="en")
    status = models.CharField(max_length=20, choices=OrderStatus.choices, default=OrderStatus.AWAITING_PAYMENT)
    delivery_name = models.CharField(
        "delivery", max_length=100, blank=True, default="", db_default="", help_text="Empty: nothing was to be chosen."
    )
    delivery_price_minor = models.BigIntegerField("delivery price in minor units", default=0, db_default=0)
    total_minor = models.BigIntegerField("total in minor units", help_text="Goods and delivery.")
    currency = models.CharField(max_length=3)
    paid_with = models.OneToOneField(Payment, models.PROTECT, null=True, blank=True, related_name="+")
    attention_note = models.CharField(max_length=200, blank=True, help_text="Why a person must look at this order.")
    placed_at = models.DateTimeField(db_default=Now(), editable=False)
    pay_before = models.DateTimeField(help_text="The deadline the customer was told.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="The due column: when to let it expire.")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When it was paid, cancelled or expired.")
    delivered_at = models.DateTimeField(null=True, blank=True, help_text="When somebody marked it so.")
    reviews_asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the customer was asked for reviews, or nothing was found to ask about."
    )
    refunded_minor = models.BigIntegerField(
        "refunded in minor units", default=0, db_default=0, editable=False, help_text="What has gone back of its money."
    )
    refunded_at = models.DateTimeField(null=True, blank=True, help_text="When all of its money had gone back.")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(OrderStatus)), name="order_status_is_known"),
            models.CheckConstraint(
                condition=Q(status="awaiting_payment", expires_at__isnull=False, ended_at__isnull=True)
                | (~Q(status="awaiting_payment") & Q(expires_at__isnull=True, ended_at__isnull=False)),
                name="order_is_due_until_its_end",
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(WAS_PAID), paid_with__isnull=False)
                | (~Q(status__in=sorted(WAS_PAID)) & Q(paid_with__isnull=True)),
                name="order_is_paid_with_a_payment",
            ),
            models.CheckConstraint(
                condition=~Q(status="delivered") | Q(delivered_at__isnull=False), name="order_is_delivered_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(delivery_price_minor__gte=0, delivery_price_minor__lte=F("total_minor")),
                name="order_total_includes_delivery",
            ),
            models.CheckConstraint(
                condition=Q(status="refunded", refunded_at__isnull=False)
                | (~Q(status="refunded") & Q(refunded_at__isnull=True)),
                name="order_is_refunded_at_a_time",
            ),
        ]
        indexes: ClassVar = [
            # expire_orders
            models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="order_due"),
            # generate_daily_report, which counts by both
            models.Index(fields=["placed_at"], name="order_placed"),
            models.Index(fields=["ended_at"], name="order_ended"),
            # request_reviews: the longest delivered first, and on from where the last batch ended.
            models.Index(
                fields=["delivered_at", "id"],
                condition=Q(delivered_at__isnull=False, reviews_asked_at__isnull=True),
                name="order_unasked",
            ),
            # The admin: those that a person must look at, and those of one customer.
            models.Index(fields=["-id"], condition=~Q(attention_note=""), name="order_needs_a_person"),
            models.Index(Upper("email"), name="order_by_email"),
        ]

    def __str__(self) -> str:
        return f"order {self.public_id} ({self.status})"

    @property
    def total(self) -> Money:
        """What the customer has to pay, delivery included."""
        return Money(self.total_minor, self.currency)

    @property
    def delivery_price(self) -> Money:
        """What of it is for the delivery."""
        return Money(self.delivery_price_minor, self.currency)

    @property
    def refunded(self) -> Money | None:
        """What has gone back of the payment it was paid with; None: nothing."""
        return Money(self.refunded_minor, self.currency) if self.refunded_minor else None

    @property
    def awaits_payment(self) -> bool:
        """Has it not come to an end?"""
        return self.status == OrderStatus.AWAITING_PAYMENT

    @property
    def is_paid(self) -> bool:
        """Has the shop the money, wherever the goods are?"""
        return self.status in WITH_MONEY

    @property
    def was_paid(self) -> bool:
        """Has it ever been paid, whatever became of the money?"""
        return self.status in WAS_PAID

    def end(self, status: OrderStatus, now: datetime) -> None:
        """It need not wait any more, in memory. Raises ForbiddenArrow if there is no arrow."""
        self._follow(status)
        self.ended_at, self.expires_at, self.claims = now, None, 0

    def deliver(self, now: datetime) -> None:
        """The goods have reached the customer, in memory. Raises ForbiddenArrow unless it is paid."""
        self._follow(OrderStatus.DELIVERED)
        self.delivered_at = now

    def refund(self, now: datetime) -> None:
        """All of its money has gone back, in memory. Raises ForbiddenArrow unless it is paid."""
        self._follow(OrderStatus.REFUNDED)
        self.refunded_at = now

    def _follow(self, status: OrderStatus) -> None:
        if status not in ORDER_ARROWS[OrderStatus(self.status)]:
            raise ForbiddenArrow(f"an order does not go from {self.status} to {status}")
        self.status = status


class OrderLine(models.Model):
    """So many of one product, at the name and price of that moment."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    price_minor = models.BigIntegerField("price in minor units")
    currency = models.CharField(max_length=3)
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"

    @property
    def price(self) -> Money:
        """Of one."""
        return Money(self.price_minor, self.currency)

    @property
    def total(self) -> Money:
        """Price times quantity."""
        return Money(self.price_minor, self.currency) * self.quantity
