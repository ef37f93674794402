"""Orders: placed, paid for, cancelled, expired, delivered."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse

from billing.models import Payment
from billing.money import LARGEST_MINOR, Money
from billing.payments import service as payments
from commerce import carts, delivery, stock
from commerce.errors import EmptyCart, SeveralCurrencies, TooMuch, TotalChanged
from commerce.mail.queue import queue_order_confirmation, queue_seller_notifications
from commerce.metrics import ORDERS_TOTAL
from commerce.models import Cart, CartItem, DeliveryMethod, Order, OrderEvent, OrderLine, OrderStatus, Product
from commerce.models.order import ORDER_ARROWS
from config.due.queue import Due, database_now

log = logging.getLogger(__name__)

EXPIRY_QUEUE = Due(Order, "expires_at", lease=timedelta(seconds=30))
BATCH = 100

CHECK_AGAIN_AFTER = timedelta(seconds=30)
"""For an order that cannot expire yet; it usually ends before that, when its payment's end is settled."""


@dataclass(frozen=True)
class Customer:
    """Who orders, and where it goes."""

    email: str
    name: str
    address: str
    language: str
    account: User | None = None
    """Of whoever is logged in; None: a guest."""


@dataclass(frozen=True)
class Wishes:
    """What else the checkout page was told, and what it had shown."""

    delivery_id: int | None = None
    """None: the first way of delivery that is offered, if there is one."""
    shown_total: str = ""
    """Money in words, "42.60 EUR": the order is not placed at any other total. Empty: whatever it costs."""


NO_WISHES = Wishes()


def place(cart: Cart, customer: Customer, wishes: Wishes = NO_WISHES) -> tuple[Order, Payment]:
    """Turn the cart into an order with its stock reserved and a payment written down, in one transaction.

    Prices are those of now, the catalogue's read under lock. Raises CannotOrder, and changes nothing, if the cart is
    empty, something in it or the delivery is not to be had, or the total is not the one that was shown. The caller
    introduces the payment afterwards.
    """
    with transaction.atomic():
        items = _locked_items(cart)
        products = stock.take({item.product_id: item.quantity for item in items})
        goods = _price_of(items, products)
        order = _write_order(cart, customer, goods, delivery.chosen(wishes.delivery_id, goods.currency))
        if wishes.shown_total not in ("", str(order.total)):
            raise TotalChanged(order.total)
        OrderLine.objects.bulk_create(_line(order, products[item.product_id], item.quantity) for item in items)
        cart.items.all().delete()
        payment = _start_payment(order)
    log.info("order.placed", extra={"order": order.public_id, "total": str(order.total)})
    ORDERS_TOTAL.labels("placed").inc()
    return order, payment


def pay_again(public_id: str) -> Payment | None:
    """Start another payment for an order that still waits for one.

    None if it does not wait any more, or if the customer has called it off. Raises PaymentUnresolved while the outcome
    of the last one is not known.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(public_id=public_id)
        too_late = order.pay_before <= database_now() or payments.cancel_was_requested(public_id)
        if not order.awaits_payment or too_late:
            return None
        return _start_payment(order)


def cancel(public_id: str, by: str = "", why: str = "") -> bool:
    """The customer does not want it any more; False if it has ended already, or if its money is here.

    `by` is who of the shop says so on the customer's behalf, and `why` what the customer told them.

    While a payment is open the order goes on waiting: the payment is called off at the provider first, and what comes
    of that ends the order, in `commerce.settlement`. If the customer has paid meanwhile, it is paid.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(public_id=public_id)
        if not order.awaits_payment:
            return False
        called_off = payments.cancel(public_id)
        if not called_off and payments.money_may_come(public_id):
            return False
        said = {"by": by, "note": why}
        OrderEvent.objects.get_or_create(order=order, kind=OrderEvent.Kind.CANCEL_ASKED, defaults=said)
        if not called_off:
            give_up(order, OrderStatus.CANCELED)
    return True


def cancel_on_behalf(order_id: int, by: str, why: str) -> bool:
    """Somebody of the shop cancels it for the customer; False as for `cancel`, or if it was asked for already."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.events.filter(kind=OrderEvent.Kind.CANCEL_ASKED).exists():
            return False
        return cancel(order.public_id, by, why)


def clear_attention(order_id: int, by: str, why: str) -> bool:
    """Somebody of the shop has looked at it, and says what came of that; False if nobody needs to look."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if not order.attention_note:
            return False
        order.attention_note = ""
        order.save(update_fields=["attention_note"])
        said = {"by": by, "at": database_now()}
        OrderEvent.objects.update_or_create(order=order, kind=OrderEvent.Kind.LOOKED_AT, note=why, defaults=said)
    log.info("order.looked_at", extra={"order": order.public_id, "by": by})
    return True


def mark_delivered(order_id: int, by: str) -> bool:
    """Somebody of the shop says that the goods have arrived; False unless the order is paid and not delivered yet."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if OrderStatus.DELIVERED not in ORDER_ARROWS[OrderStatus(order.status)]:
            return False
        now = database_now()
        order.deliver(now)
        order.save(update_fields=["status", "delivered_at"])
        OrderEvent.objects.create(order=order, kind=OrderEvent.Kind.DELIVERED, by=by, at=now)
    log.info("order.delivered", extra={"order": order.public_id, "by": by})
    ORDERS_TOTAL.labels("delivered").inc()
    return True


def expire_due() -> int:
    """Let every order expire whose time is over and for which no money can come any more; returns how many were due."""
    return EXPIRY_QUEUE.work_off(BATCH, _expire)


def mark_paid(order: Order, payment: Payment) -> None:
    """Its money is here, and its stock is held; both rows are locked. Must run inside a transaction."""
    if order.ended_at:
        # Late money: the order forgets its first end, its story does not.
        OrderEvent.objects.get_or_create(order=order, kind=order.status, defaults={"at": order.ended_at})
    order.end(OrderStatus.PAID, database_now())
    order.paid_with = payment
    order.save()
    queue_order_confirmation(order)
    queue_seller_notifications(order)
    transaction.on_commit(lambda: log.info("order.paid", extra={"order": order.public_id}))
    transaction.on_commit(ORDERS_TOTAL.labels("paid").inc)


def require_attention(order: Order, note: str) -> None:
    """A person must look at this locked order; each note is given once, and whoever clears it is not asked again."""
    note = note[:200]
    _, is_new = OrderEvent.objects.get_or_create(order=order, kind=OrderEvent.Kind.ATTENTION, note=note)
    if is_new:
        log.error("order.attention", extra={"order": order.public_id, "note": note})
        transaction.on_commit(ORDERS_TOTAL.labels("attention").inc)
        order.attention_note = note
        order.save(update_fields=["attention_note"])


def give_up(order: Order, status: OrderStatus) -> None:
    """End a locked order unpaid and return its stock. Must run inside a transaction."""
    order.end(status, database_now())
    order.save()
    stock.give_back(order)
    transaction.on_commit(lambda: log.info(f"order.{status}", extra={"order": order.public_id}))
    transaction.on_commit(ORDERS_TOTAL.labels(status.value).inc)


def _locked_items(cart: Cart) -> list[CartItem]:
    """The lock on the cart makes a second click of the same button wait, and then find the cart empty."""
    try:
        carts.touch(cart)
    except carts.CartGone:
        raise EmptyCart from None
    items = list(cart.items.all())
    if not items:
        raise EmptyCart
    return items


def _price_of(items: list[CartItem], products: dict[int, Product]) -> Money:
    currencies = {product.currency for product in products.values()}
    if len(currencies) != 1:
        raise SeveralCurrencies
    return Money(sum(products[item.product_id].price_minor * item.quantity for item in items), currencies.pop())


def _write_order(cart: Cart, customer: Customer, goods: Money, method: DeliveryMethod | None) -> Order:
    deadline = database_now() + timedelta(seconds=settings.PAYMENT_WINDOW_S)
    total = goods + method.price if method else goods
    if total.minor > LARGEST_MINOR:
        raise TooMuch
    return Order.objects.create(
        cart=cart,
        customer=customer.account,
        email=customer.email,
        name=customer.name,
        address=customer.address,
        language=customer.language,
        delivery_name=method.title_in(customer.language) if method else "",
        delivery_price_minor=method.price_minor if method else 0,
        total_minor=total.minor,
        currency=total.currency,
        pay_before=deadline,
        expires_at=deadline,
    )


def _line(order: Order, product: Product, quantity: int) -> OrderLine:
    price = {"price_minor": product.price_minor, "currency": product.currency}
    return OrderLine(order=order, product=product, name=product.title_in(order.language), quantity=quantity, **price)


def _start_payment(order: Order) -> Payment:
    return payments.start(
        reference=order.public_id,
        amount=Money(order.total_minor, order.currency),
        description=f"Order {order.public_id}",
        return_url=settings.SHOP_URL + reverse("order-return", args=[order.public_id]),
        window_ends_at=order.pay_before,
        account=settings.PAYMENT_ACCOUNT,
    )


def _expire(order: Order) -> None:
    """While money may come the order waits: its payment has an appointment at that same moment, when the provider is
    asked once more and the payment is called off there.
    """
    with EXPIRY_QUEUE.holding(order) as held:
        if payments.money_may_come(held.public_id):
            EXPIRY_QUEUE.snooze(held, CHECK_AGAIN_AFTER)
            held.save(update_fields=EXPIRY_QUEUE.fields)
        else:
            give_up(held, OrderStatus.EXPIRED)
