"""Fills a shop with what is long, large and rare, for `test_widths.py`; runs in its shell.

Prints the path of a file with the pages to open and the mails.
"""

import json
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone, translation

from billing.models import Advice, Payment
from billing.money import Money
from commerce import orders
from commerce.mail import content, order_link
from commerce.models import DailyReport, Notification, Order, OrderStatus, Product, Review
from commerce.models.report_numbers import Hour, Numbers, Returned, Sold, Taken
from commerce.order_state import ADVICE
from commerce.reports import page as report_page
from commerce.reviews import links
from commerce.reviews import service as reviews
from tests import reporting

LONG = "Pneumonoultramicroscopicsilicovolcanoconiosis"
TEXTS = {
    "name": f"Ann {LONG}", "email": f"{LONG.lower()}@mail.example.com", "address": f"1 {LONG} Street\nSpringfield",
    "delivery_name": "Pick up in the shop", "customer": User.objects.get(username="operator"),
}  # fmt: skip
Kind = Notification.Kind


def placed(status: OrderStatus) -> Order:
    """An order of the operator."""
    order = reporting.order(status, timezone.now(), of=Product.objects.get(slug="house-blend"), quantity=99)
    Order.objects.filter(pk=order.pk).update(**TEXTS, total_minor=88_110, refunded_minor=1_000)
    order.lines.update(name=f"House blend {LONG}, 250 g")
    return Order.objects.get(pk=order.pk)


def numbers() -> Numbers:
    """A day of a large shop; one mail of it failed."""
    orders_paid, money = 24 * 1_111, 123_456_789
    late, returned = (Taken("EUR", 1_234, money // 100),), (Returned("EUR", 1_234, money // 100),)
    return Numbers(
        hours=tuple(Hour(f"{hour:02}", 1_234, 1_111) for hour in range(24)),
        placed_paid=25_000, placed_canceled=4_000, placed_expired=615, placed_open=1,
        revenue=(Taken("EUR", orders_paid, money),), delivery=(Taken("EUR", 9_999, money // 10),),
        late_taken=late, late_waiting=late, late_returned=late,
        products=(Sold(f"House blend {LONG}, 250 g", 12_345, "EUR", money // 2), Sold("Mug", 12_000, "EUR", 1)),
        found_by={"callback": orders_paid - 2_000, "schedule": 1_000, "return": 999, "reconciliation": 1},
        median_s=4_000, mails_sent=25_000, mails_given_up=1, mails_waiting=4_999,
        refunds=returned, refunds_of_orders=returned,
    )  # fmt: skip


def mails(order: Order, language: str) -> dict[str, str]:
    """Every kind of mail about the order, and the report."""
    lines, link = list(order.lines.all()), order_link.address(order)
    facts: dict[str, dict[str, object]] = {
        Kind.PAYMENT_LINK: {"was_late": False, "advice": ADVICE[Advice.OTHER]},
        Kind.REVIEW_REMINDER: links.reminder_facts(lines),
        Kind.ACCOUNT_LINK: {"path": reverse("new-account", args=["0" * 32]), "hours": 24, "has_account": False},
        Kind.MONEY_BACK: {"amount": Money(123_456, "EUR"), "order_stands": True},
    }
    made: dict[str, content.MailContent] = {
        kind: content.of_order(kind, language, order.name, order, lines, order_link=link, **facts.get(kind, {}))
        for kind in Kind
        if kind != Kind.REPORT
    }
    with translation.override(language):
        context = report_page.page(DailyReport.objects.latest("day"))
    made[Kind.REPORT] = content.render(Kind.REPORT, language, context)
    return {f"{kind} {language}": mail.html for kind, mail in made.items()}


paid, delivered = placed(OrderStatus.PAID), placed(OrderStatus.PAID)
waiting = placed(OrderStatus.AWAITING_PAYMENT)
Payment.objects.filter(reference=waiting.public_id).update(pay_url="http://127.0.0.1/pay")
orders.mark_delivered(delivered.pk, "sam")
blend = Product.objects.get(slug="house-blend")
subject = links.Subject(delivered.pk, blend.pk)
review = reviews.write(subject, 4, f"Blau{'grau' * 40}", LONG)
reviews.moderate(review.pk, review.changed_at, Review.Status.PUBLISHED, "sam")
for ago in range(30):
    report = {"numbers": numbers().to_json(), "built_at": timezone.now()}
    DailyReport.objects.update_or_create(day=reporting.yesterday() - timedelta(days=ago), defaults=report)
gone = links.address(links.Subject(delivered.pk, 0))
again = links.address(links.Subject(delivered.pk, blend.pk))
pages = [
    "/", "/?page=2", "/?q=mug", "/products/house-blend/", "/products/moka-pot/", "/cart/", "/checkout/", "/account/",
    "/account/password/", "/account/sessions/",
    f"/orders/{waiting.public_id}/",
    *(order_link.address(order).removeprefix(settings.SHOP_URL) for order in (waiting, paid, delivered)),
    f"/orders/{paid.public_id}/receipt/",
    *(link.removeprefix(settings.SHOP_URL) for link in (gone, again)),
    "/reports/", f"/reports/{reporting.yesterday()}/",
]  # fmt: skip
written = settings.VAR_DIR / "widths.json"
written.write_text(json.dumps({"pages": pages, "mails": mails(delivered, "en") | mails(delivered, "ru")}))
print(written)
