"""An order and its states.

    awaiting_payment ───▶ paid ───▶ delivered
        │                  ▲ │           │
        │     late payment │ ▼           ▼
        ▼                  │ refunded ◀──┘
    canceled · expired ────┘

An order holds its stock while it awaits payment, and keeps it once it is paid. A full refund ends a paid order; its
stock is returned then, unless the goods were sent or delivered. A late payment is accepted if the stock is still there.
"""

import secrets
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now, Upper
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from billing.models import Attention, Payment
from billing.money import Money
from commerce.models.cart import Cart
from commerce.models.catalogue import Named, Product, for_reader
from commerce.order_number import number_of
from config.due.queue import DueRow


class OrderStatus(models.TextChoices):
    AWAITING_PAYMENT = "awaiting_payment", _("awaiting payment")
    PAID = "paid", _("paid")
    DELIVERED = "delivered", _("delivered")
    CANCELED = "canceled", _("cancelled")
    EXPIRED = "expired", _("expired")
    REFUNDED = "refunded", _("refunded")


ORDER_ARROWS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.AWAITING_PAYMENT: frozenset({OrderStatus.PAID, OrderStatus.CANCELED, OrderStatus.EXPIRED}),
    # A late payment, if the stock is still there.
    OrderStatus.CANCELED: frozenset({OrderStatus.PAID}),
    OrderStatus.EXPIRED: frozenset({OrderStatus.PAID}),
    OrderStatus.PAID: frozenset({OrderStatus.DELIVERED, OrderStatus.REFUNDED}),
    OrderStatus.DELIVERED: frozenset({OrderStatus.REFUNDED}),
    OrderStatus.REFUNDED: frozenset(),
}

WITH_MONEY = frozenset({OrderStatus.PAID, OrderStatus.DELIVERED})
"""States in which the shop has the order's money, or a part of it."""

WAS_PAID = WITH_MONEY | {OrderStatus.REFUNDED}
"""States of an order that was paid, refunded or not; `paid_with` is set."""


class ForbiddenArrow(ValueError):
    """ORDER_ARROWS has no such transition."""


TO_BE_PACKED = Q(status=OrderStatus.PAID, sent_at__isnull=True)
"""Sent or picked up afterwards; a pick-up leaves this state when it is marked delivered."""


def new_public_id() -> str:
    """128 random bits: the id gives access to the order's page, so it must not be guessable."""
    return secrets.token_urlsafe(16)


class Order(DueRow):
    """One order of a customer. It holds its stock from when it is placed until it is cancelled or expires."""

    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Empty: a guest."),
    )
    cart = models.ForeignKey(
        Cart, models.SET_NULL, null=True, blank=True, related_name="+", help_text=_("The cart it was placed from.")
    )
    email = models.EmailField()
    name = models.CharField(max_length=100)
    address = models.TextField(max_length=500, blank=True, help_text=_("Empty: the customer picks it up."))
    language = models.CharField(max_length=8, default="en")
    status = models.CharField(max_length=20, choices=OrderStatus.choices, default=OrderStatus.AWAITING_PAYMENT)
    delivery_name = models.CharField(
        "delivery", max_length=100, blank=True, default="", db_default="", help_text=_("Empty: there was no choice.")
    )
    delivery_name_ru = models.CharField("delivery in Russian", max_length=100, blank=True, default="", db_default="")
    delivery_price_minor = models.BigIntegerField("delivery price in minor units", default=0, db_default=0)
    total_minor = models.BigIntegerField("total in minor units", help_text=_("Goods and delivery."))
    currency = models.CharField(max_length=3)
    paid_with = models.OneToOneField(Payment, models.PROTECT, null=True, blank=True, related_name="+")
    attention_note = models.CharField(max_length=200, blank=True, help_text=_("Why a person must look at this order."))
    placed_at = models.DateTimeField(db_default=Now(), editable=False)
    pay_before = models.DateTimeField(help_text=_("The deadline that the customer sees."))
    expires_at = models.DateTimeField(null=True, blank=True, help_text=_("The due column: when it expires."))
    ended_at = models.DateTimeField(null=True, blank=True, help_text=_("When it was paid, cancelled or expired."))
    sent_at = models.DateTimeField(null=True, blank=True, help_text=_("When it was marked as sent; it stays paid."))
    delivered_at = models.DateTimeField(null=True, blank=True, help_text=_("When it was marked delivered."))
    network = models.CharField(max_length=32, default="", db_default="", blank=True, editable=False)
    """A keyed hash of the customer's network while it is unpaid, for `commerce.unpaid.limits`; empty: not limited."""

    reviews_asked_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the customer was asked for reviews, or there was nothing to review.")
    )
    refunded_minor = models.BigIntegerField(
        "refunded in minor units", default=0, db_default=0, editable=False, help_text=_("The refunded amount.")
    )
    refunded_at = models.DateTimeField(null=True, blank=True, help_text=_("When all of its money was refunded."))
    erased_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("When its customer's data was deleted.")
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [
            ("export_personal_data", _("Can export the data of a customer")),
            ("erase_personal_data", _("Can erase the data of a customer")),
        ]
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
            # request_reviews: the earliest delivered first, batch after batch.
            models.Index(
                fields=["delivered_at", "id"],
                condition=Q(delivered_at__isnull=False, reviews_asked_at__isnull=True),
                name="order_unasked",
            ),
            # The admin: orders that need a person, orders to pack, and orders of one customer.
            models.Index(fields=["-id"], condition=~Q(attention_note=""), name="order_needs_a_person"),
            models.Index(fields=["-id"], condition=TO_BE_PACKED, name="order_to_be_packed"),
            models.Index(Upper("email"), name="order_by_email"),
            # The checkout: unpaid orders from one network.
            models.Index(
                fields=["network"], condition=Q(status="awaiting_payment") & ~Q(network=""), name="order_unpaid_there"
            ),
            # erase_old_data: the first that ended, of those that still name their customer.
            models.Index(
                fields=["ended_at", "id"],
                condition=Q(ended_at__isnull=False, erased_at__isnull=True),
                name="order_not_erased",
            ),
            # Parts of name and mail address: migration 0008 has `order_name_parts` and `order_email_parts`.
        ]

    def __str__(self) -> str:
        values = {"number": self.number, "status": self.standing}
        return gettext("order %(number)s (%(status)s)") % values

    @property
    def number(self) -> str:
        """The order as people say and write it: `commerce.order_number`. It gives no access; `public_id` does.

        Empty before it is saved.
        """
        return number_of(self.pk) if self.pk else ""

    @property
    def total(self) -> Money:
        """The amount to pay, delivery included."""
        return Money(self.total_minor, self.currency)

    @property
    def delivery_price(self) -> Money:
        """The part of the total for the delivery."""
        return Money(self.delivery_price_minor, self.currency)

    @property
    def delivery_title(self) -> str:
        """The delivery method, in the reader's language; empty: the customer had no choice."""
        return for_reader(self.delivery_name, self.delivery_name_ru)

    @property
    def refunded(self) -> Money | None:
        """The refunded part of the payment it was paid with; None: nothing."""
        return Money(self.refunded_minor, self.currency) if self.refunded_minor else None

    @property
    def awaits_payment(self) -> bool:
        """True until it is paid, cancelled or expired."""
        return self.status == OrderStatus.AWAITING_PAYMENT

    @property
    def is_paid(self) -> bool:
        """True while the shop has the money, delivered or not."""
        return self.status in WITH_MONEY

    @property
    def was_paid(self) -> bool:
        """True once it was paid, even if the money was refunded since."""
        return self.status in WAS_PAID

    @property
    def refund_came_back(self) -> bool:
        """True if all of its money was refunded, and the bank has returned some of it that nobody has seen to yet."""
        if self.status != OrderStatus.REFUNDED or self.paid_with is None or self.paid_with.received is None:
            return False
        returned = self.paid_with.refunds.filter(attention=Attention.RETURNED)
        return self.refunded_minor < self.paid_with.received.minor and returned.exists()

    @property
    def standing(self) -> str:
        """The status for readers: a paid order whose goods were sent is "sent"."""
        is_sent = self.status == OrderStatus.PAID and self.sent_at is not None
        return pgettext("order", "sent") if is_sent else str(self.get_status_display())

    @property
    def goods_are_here(self) -> bool:
        """True until its goods were marked as sent or delivered."""
        return self.sent_at is None and self.delivered_at is None

    @property
    def can_be_sent(self) -> bool:
        """True while it is paid and waits to be sent. Without an address the customer picks it up."""
        return self.status == OrderStatus.PAID and self.goods_are_here and self.address != ""

    def end(self, status: OrderStatus, now: datetime) -> None:
        """End the wait for payment, in memory. Raises ForbiddenArrow."""
        self._change_status(status)
        self.ended_at, self.expires_at, self.claims, self.network = now, None, 0, ""

    def deliver(self, now: datetime) -> None:
        """Mark delivered, in memory. Raises ForbiddenArrow unless it is paid."""
        self._change_status(OrderStatus.DELIVERED)
        self.delivered_at = now

    def refund(self, now: datetime) -> None:
        """Mark fully refunded, in memory. Raises ForbiddenArrow unless it is paid."""
        self._change_status(OrderStatus.REFUNDED)
        self.refunded_at = now

    def _change_status(self, status: OrderStatus) -> None:
        if status not in ORDER_ARROWS[OrderStatus(self.status)]:
            raise ForbiddenArrow(f"an order does not go from {self.status} to {status}")
        self.status = status


class OrderLine(Named):
    """A product and its quantity, at the names and price when the order was placed.

    Lines from before both names were stored have one, in the customer's language.
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    price_minor = models.BigIntegerField("price in minor units")
    currency = models.CharField(max_length=3)
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.title}"

    @property
    def price(self) -> Money:
        """For one piece."""
        return Money(self.price_minor, self.currency)

    @property
    def total(self) -> Money:
        """Price times quantity."""
        return self.price * self.quantity


class OrderEvent(models.Model):
    """An event that no other row records. `commerce.timeline` merges it with those of payments and mails."""

    class Kind(models.TextChoices):
        CANCEL_ASKED = "cancel_asked", _("the customer wanted to cancel")
        CANCELED = "canceled", _("cancelled before the payment came")
        EXPIRED = "expired", _("expired before the payment came")
        SENT = "sent", _("marked as sent")
        DELIVERED = "delivered", _("marked delivered")
        ATTENTION = "attention", _("a person must look")
        LOOKED_AT = "looked_at", _("a person has looked")
        MONEY_NOT_TAKEN = "money_not_taken", _("a payment that is not accepted, and is refunded")
        DECIDED = "decided", _("a person has decided about a late payment")

    order = models.ForeignKey(Order, models.CASCADE, related_name="events")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    by = models.CharField(max_length=150, blank=True, help_text=_("The user, if staff did it."))
    note = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "kind", "note"], name="order_event_once"),
        ]

    def __str__(self) -> str:
        values = {"kind": self.get_kind_display(), "order": number_of(self.order_id)}
        return gettext("%(kind)s, order %(order)s") % values
