"""Places, pays, cancels, expires, sends and delivers orders."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext

from billing.attention import ATTENTIVE, Attentive
from billing.errors import AmountNotAccepted
from billing.models import Payment, Refund
from billing.money import LARGEST_MINOR, Money
from billing.payments import service as payments
from billing.refunds import service as refunds
from commerce import carts, delivery, stock
from commerce.errors import AmountNotTaken, CartChanged, EmptyCart, NothingToPay, SeveralCurrencies, TooMuch
from commerce.mail.queue import queue_order_confirmation, queue_seller_notifications
from commerce.metrics import ORDERS_TOTAL
from commerce.models import Cart, CartItem, DeliveryMethod, Order, OrderEvent, OrderLine, OrderStatus
from commerce.models.order import ORDER_ARROWS
from commerce.unpaid import limits
from config.actions import ActionRefused
from config.due.queue import Due, database_now

log = logging.getLogger(__name__)

EXPIRY_QUEUE = Due(Order, "expires_at", lease=timedelta(seconds=30))
BATCH = 100

ATTENTIVE_ORDERS = ATTENTIVE["order"] = Attentive(Order, ~Q(attention_note=""), "placed_at")
"""Beside the rows of billing that need a person: in lists, findings and metrics."""

CHECK_AGAIN_AFTER = timedelta(seconds=30)
"""For an order that cannot expire yet. It usually ends before, when the end of its payment is settled."""

SECOND_CLICK_WITHIN = timedelta(hours=1)
"""A second click, or a checkout page from the browser's history, means the order that the first click placed."""


@dataclass(frozen=True)
class Customer:
    """The customer of an order, and the delivery address."""

    email: str
    name: str
    address: str
    language: str
    account: User | None = None
    """The user who is logged in; None: a guest."""

    network: str = ""
    """Where the order comes from: `config.web.networks.network_key`. Empty: not known, and no limit for it."""


@dataclass(frozen=True)
class Wishes:
    """The customer's choice at the checkout, and what the page showed."""

    delivery_id: int | None = None
    """None: the first delivery method that is offered, if there is one."""
    shown: str = ""
    """A `delivery.fingerprint`: nothing else is ordered than what it stands for. Empty: what the cart has now."""


NO_WISHES = Wishes()


def place(cart: Cart, customer: Customer, wishes: Wishes = NO_WISHES) -> tuple[Order, Payment]:
    """Turn the cart into an order with reserved stock and a stored payment, in one transaction.

    Prices are current, read under lock. Raises CannotOrder, and changes nothing, if the cart is empty, a product or the
    delivery is not available, too much is held unpaid, goods or prices differ from what was shown, or the provider does
    not take the total. The caller introduces the payment afterwards.
    """
    with transaction.atomic():
        items = _take_items(cart, customer)
        goods = carts.total(items)
        if goods is None:
            raise SeveralCurrencies
        method = delivery.chosen(wishes.delivery_id, goods.currency)
        order = _write_order(cart, customer, goods, method)
        if wishes.shown not in ("", delivery.fingerprint(items, method)):
            raise CartChanged(order.total)
        OrderLine.objects.bulk_create(_line(order, item) for item in items)
        cart.items.all().delete()
        payment = _start_payment(order)
    log.info("order.placed", extra={"order": order.number, "payment": payment.pk, "total": str(order.total)})
    ORDERS_TOTAL.labels("placed").inc()
    return order, payment


def placed_from(cart: Cart) -> Order | None:
    """The newest order that was placed from this cart, unless it is older than SECOND_CLICK_WITHIN."""
    recent = Order.objects.filter(cart=cart, placed_at__gte=database_now() - SECOND_CLICK_WITHIN)
    return recent.order_by("-pk").first()


def pay_again(public_id: str) -> Payment | None:
    """Start another payment for an order that still awaits one.

    None if it no longer does, or if the customer has cancelled. Raises PaymentUnresolved while the outcome of the last
    payment is unknown, and AmountNotTaken if the provider does not take the total.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(public_id=public_id)
        too_late = order.pay_before <= database_now() or payments.cancel_was_requested(public_id)
        if not order.awaits_payment or too_late:
            return None
        return _start_payment(order)


def cancel(public_id: str, by: str = "", why: str = "") -> bool:
    """Cancel for the customer; False if it has ended already, or if its money has arrived or is with the bank.

    `by` is the staff user who cancels on the customer's behalf, and `why` the customer's reason.

    While a payment is open the order keeps waiting: the payment is cancelled at the provider first, and
    `commerce.settlement` ends the order by the outcome. If the customer has paid meanwhile, the order is paid.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(public_id=public_id)
        if not order.awaits_payment:
            return False
        canceling_payment = payments.cancel(public_id)
        if not canceling_payment and payments.money_may_come(public_id):
            return False
        details = {"by": by, "note": why}
        OrderEvent.objects.get_or_create(order=order, kind=OrderEvent.Kind.CANCEL_ASKED, defaults=details)
        if not canceling_payment:
            give_up(order, OrderStatus.CANCELED)
    return True


def cancel_on_behalf(order_id: int, by: str, why: str) -> bool:
    """A staff user cancels for the customer; False as for `cancel`, or if it was requested already."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.events.filter(kind=OrderEvent.Kind.CANCEL_ASKED).exists():
            return False
        return cancel(order.public_id, by, why)


def cancel_paid(order_id: int, by: str, why: str, key: str) -> Refund:
    """A staff user cancels a paid order: all the money that is left goes back. The refund's end ends the order.

    The same key gives the same refund. Raises ActionRefused if it is not paid, or delivered already, and CannotRefund.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        is_known = Refund.objects.filter(idempotency_key=key).exists()
        if order.paid_with_id is None or (order.status != OrderStatus.PAID and not is_known):
            raise ActionRefused(gettext("This order is not paid, or it is delivered or refunded already."))
        return refunds.start(order.paid_with_id, None, wanted_by=by, why=why, key=key)


def clear_attention(order_id: int, by: str, why: str) -> bool:
    """A staff user has resolved the order's attention, and says how; False if it needs none."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if not order.attention_note:
            return False
        order.attention_note = ""
        order.save(update_fields=["attention_note"])
        details = {"by": by, "at": database_now()}
        OrderEvent.objects.update_or_create(order=order, kind=OrderEvent.Kind.LOOKED_AT, note=why, defaults=details)
    log.info("order.looked_at", extra={"order": order.number, "by": by})
    return True


def mark_sent(order_id: int, by: str) -> bool:
    """A staff user has sent the goods; False unless the order `can_be_sent`."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if not order.can_be_sent:
            return False
        order.sent_at = database_now()
        order.save(update_fields=["sent_at"])
        OrderEvent.objects.create(order=order, kind=OrderEvent.Kind.SENT, by=by, at=order.sent_at)
    log.info("order.sent", extra={"order": order.number, "by": by})
    return True


def mark_delivered(order_id: int, by: str) -> bool:
    """A staff user confirms the delivery; False unless the order is paid and not delivered yet."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if OrderStatus.DELIVERED not in ORDER_ARROWS[OrderStatus(order.status)]:
            return False
        now = database_now()
        order.deliver(now)
        order.save(update_fields=["status", "delivered_at"])
        OrderEvent.objects.create(order=order, kind=OrderEvent.Kind.DELIVERED, by=by, at=now)
    log.info("order.delivered", extra={"order": order.number, "by": by})
    ORDERS_TOTAL.labels("delivered").inc()
    return True


def expire_due() -> int:
    """Expire every due order that can no longer receive money; returns how many were due."""
    return EXPIRY_QUEUE.work_off(BATCH, _expire)


def mark_paid(order: Order, payment: Payment) -> None:
    """The payment has succeeded, and the stock is held; both rows are locked. Must run inside a transaction."""
    if order.ended_at:
        # A late payment: the order's row loses its first end, so an event keeps it.
        OrderEvent.objects.get_or_create(order=order, kind=order.status, defaults={"at": order.ended_at})
    order.end(OrderStatus.PAID, database_now())
    order.paid_with = payment
    order.save()
    queue_order_confirmation(order)
    queue_seller_notifications(order)
    transaction.on_commit(lambda: log.info("order.paid", extra={"order": order.number, "payment": payment.pk}))
    transaction.on_commit(ORDERS_TOTAL.labels("paid").inc)


def require_attention(order: Order, note: str) -> None:
    """Require a person's attention for this locked order. Each note is given once: after it is cleared, it stays so."""
    note = note[:200]
    _, is_new = OrderEvent.objects.get_or_create(order=order, kind=OrderEvent.Kind.ATTENTION, note=note)
    if is_new:
        log.error("order.attention", extra={"order": order.number, "note": note})
        transaction.on_commit(ORDERS_TOTAL.labels("attention").inc)
        order.attention_note = note
        order.save(update_fields=["attention_note"])


def give_up(order: Order, status: OrderStatus) -> None:
    """End a locked order unpaid and return its stock. Must run inside a transaction."""
    order.end(status, database_now())
    order.save()
    stock.give_back(order)
    transaction.on_commit(lambda: log.info(f"order.{status}", extra={"order": order.number}))
    transaction.on_commit(ORDERS_TOTAL.labels(status.value).inc)


def _take_items(cart: Cart, customer: Customer) -> list[CartItem]:
    """The items, with their products as they are under lock; their stock is taken, within what may be held unpaid.

    The cart's lock makes a second click of the same button wait, and then find the cart empty.
    """
    try:
        carts.touch(cart)
    except carts.CartGone:
        raise EmptyCart from None
    items = list(cart.items.all())
    if not items:
        raise EmptyCart
    limits.check_orders(cart, customer)
    products = stock.take({item.product_id: item.quantity for item in items})
    for item in items:
        item.product = products[item.product_id]
    limits.check_pieces(cart, customer, items)
    return items


def _write_order(cart: Cart, customer: Customer, goods: Money, method: DeliveryMethod | None) -> Order:
    deadline = database_now() + timedelta(seconds=settings.PAYMENT_WINDOW_S)
    total = goods + method.price if method else goods
    if not total.minor:
        raise NothingToPay
    if total.minor > LARGEST_MINOR:
        raise TooMuch
    return Order.objects.create(
        cart=cart,
        customer=customer.account,
        email=customer.email,
        network=customer.network,
        name=customer.name,
        address=customer.address,
        language=customer.language,
        delivery_name=method.name if method else "",
        delivery_name_ru=method.name_ru if method else "",
        delivery_price_minor=method.price_minor if method else 0,
        total_minor=total.minor,
        currency=total.currency,
        pay_before=deadline,
        expires_at=deadline,
    )


def _line(order: Order, item: CartItem) -> OrderLine:
    product = item.product
    price = {"price_minor": product.price_minor, "currency": product.currency}
    names = {"name": product.name, "name_ru": product.name_ru}
    return OrderLine(order=order, product=product, quantity=item.quantity, **names, **price)


def _start_payment(order: Order) -> Payment:
    try:
        return payments.start(
            reference=order.public_id,
            amount=order.total,
            description=f"Order {order.number}",
            return_url=settings.SHOP_URL + reverse("order-return", args=[order.public_id]),
            window_ends_at=order.pay_before,
            account=settings.PAYMENT_ACCOUNT,
        )
    except AmountNotAccepted as error:
        raise AmountNotTaken(order.total, error.smallest) from error


def _expire(order: Order) -> None:
    """While money may come, the order waits: its payment is due at the same moment. That check asks the provider once
    more and cancels the payment there.
    """
    with EXPIRY_QUEUE.holding(order) as held:
        if payments.money_may_come(held.public_id):
            EXPIRY_QUEUE.snooze(held, CHECK_AGAIN_AFTER)
            held.save(update_fields=EXPIRY_QUEUE.fields)
        else:
            give_up(held, OrderStatus.EXPIRED)
