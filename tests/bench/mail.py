"""10,000 due mails, one worker process, one mail server: how near does it come to a bare smtplib loop?

Run as a process of its own, with the database, broker and mail server that the environment names, where one worker
process is waiting for messages; prints one JSON object per round. The bare loop sends the same bytes over one
connection, made beforehand: what the worker does on top of it is composing, claiming and writing down. Who goes first
alternates.
"""

import json
import smtplib
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import django
from django.conf import settings

django.setup()

from django.db import connection  # noqa: E402 (models can be imported once Django is set up)
from django.db.models.functions import Now  # noqa: E402

from actors.notifications import send_pending_emails  # noqa: E402
from commerce.mail import content, message, mime, order_link  # noqa: E402
from commerce.models import Notification, Order, OrderLine, OrderStatus, Product, Seller  # noqa: E402
from config.due.queue import database_now  # noqa: E402

DUE_MAILS = Notification.objects.filter(send_after__isnull=False)
SENDER = "shop@example.com"

LOOK_S = 0.02
"""So often the bench looks whether all mails are sent."""


def main(mails: int, rounds: int) -> None:
    """Write the mails down once; then make them due and send them, round after round."""
    _write_mails(mails)
    ways: list[tuple[str, Callable[[int], float]]] = [("bare_s", _bare), ("worker_s", _worker)]
    for _ in range(rounds):
        print(json.dumps({name: way(mails) for name, way in ways}), flush=True)
        ways.reverse()


def _write_mails(count: int) -> None:
    """As the shop would have: each has an order with three lines."""
    seller = Seller.objects.create(name="Roastery", email="roastery@example.com")
    product = Product.objects.create(slug="beans", name="House blend", price_minor=890, seller=seller)
    now, kind = database_now(), Notification.Kind.ORDER_CONFIRMATION
    ended = {"status": OrderStatus.CANCELED, "ended_at": now, "pay_before": now, "currency": "EUR"}
    orders = Order.objects.bulk_create(
        Order(email=f"customer{number}@example.com", name="Ann", address="1 Main Street", total_minor=2670, **ended)
        for number in range(count)
    )
    for order in orders:
        facts = {"price_minor": 890, "currency": "EUR", "quantity": 1, "name": product.name}
        lines = [OrderLine(order=order, product=product, **facts) for _ in range(3)]
        written = content.of_order(kind, "en", order.name, order, lines, order_link=order_link.address(order))
        Notification.objects.create(
            order=order, kind=kind, recipient=order.email, recipient_name=order.name, subject=written.subject,
            text=written.text, html=written.html, message_id=f"<{order.pk}@example.com>", send_after=now,
        )  # fmt: skip


def _bare(count: int) -> float:
    """What smtplib can do: the mails are bytes already, and nobody notes that they were sent."""
    mails = Notification.objects.order_by("pk")[:count]
    ready = [(mail.recipient, mime.as_bytes(message.of(mail))) for mail in mails]
    started = time.perf_counter()
    with smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT, timeout=settings.EMAIL_TIMEOUT_S) as client:
        for recipient, data in ready:
            client.sendmail(SENDER, [recipient], data)
    return time.perf_counter() - started


def _worker(count: int) -> float:
    """One message, as the scheduler sends it, until every row says that it was sent."""
    due = {"send_after": database_now() - timedelta(seconds=1), "status": Notification.Status.QUEUED, "sent_at": None}
    Notification.objects.update(**due)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE commerce_notification")  # as autovacuum does in a database that lives
    started = time.perf_counter()
    send_pending_emails.send()
    while DUE_MAILS.exists():
        time.sleep(LOOK_S)
    took = time.perf_counter() - started
    assert Notification.objects.filter(status=Notification.Status.SENT, sent_at__lte=Now()).count() == count
    return took


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
