"""Requests, stores and moderates reviews.

A customer is asked once per order, REVIEW_REQUEST_AFTER_DAYS after its delivery. `order.reviews_asked_at` is written in
the same transaction as the mail, under the order's lock: an interrupted, repeated or concurrent run asks no one twice.
"""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from commerce import each_order
from commerce.errors import NothingToReview, ReviewPublished
from commerce.mail.queue import queue_review_reminder
from commerce.models import Order, OrderLine, OrderStatus, Review
from commerce.reviews import links
from commerce.reviews.links import Subject
from config.due import shutting_down
from config.due.queue import database_now

log = logging.getLogger(__name__)

ASKED_WITHIN = timedelta(days=14)
"""Orders due for longer get no request: a shop that enables requests does not write to customers of years ago."""

BATCH = 200
"""Orders read at once; each is then asked about in its own transaction."""

LOG_EVERY_S = 5.0


# --- requests --------------------------------------------------------------------------------------------------------


def request_due(seconds: float) -> bool:
    """Queue due reminders for up to `seconds`; True if some may be left and it should be called again.

    An order that fails is logged and skipped: the next day's run retries it, until it is too old.
    """
    started = logged_at = time.monotonic()
    orders, asked, finished = 0, 0, True
    now = database_now()
    for order_id in _unasked_ids(now):
        asked += each_order.work_on(order_id, _unasked(now), partial(_ask, now=now), "reviews.request_failed")
        orders += 1
        if time.monotonic() - logged_at >= LOG_EVERY_S:
            logged_at = time.monotonic()
            log.info("reviews.requesting", extra={"orders": orders, "asked": asked})
        if shutting_down.is_set() or time.monotonic() - started >= seconds:
            finished = False
            break
    log.info("reviews.requested", extra={"orders": orders, "asked": asked, "finished": finished})
    return not finished


def _unasked_ids(now: datetime) -> Iterator[int]:
    """The earliest delivered first, in the order of the index `order_unasked`, read in batches without a lock."""
    orders = _unasked(now).order_by("delivered_at", "pk").values_list("delivered_at", "pk")
    found = list(orders[:BATCH])
    while found:
        yield from (key for _, key in found)
        delivered_at, last = found[-1]
        later = Q(delivered_at__gt=delivered_at) | Q(pk__gt=last)
        found = list(orders.filter(later, delivered_at__gte=delivered_at)[:BATCH])


def _unasked(now: datetime) -> QuerySet[Order]:
    """Orders that were delivered long enough ago, but not too long."""
    return Order.objects.filter(
        status=OrderStatus.DELIVERED,
        reviews_asked_at__isnull=True,
        delivered_at__gt=now - timedelta(days=settings.REVIEW_REQUEST_AFTER_DAYS) - ASKED_WITHIN,
        delivered_at__lte=now - timedelta(days=settings.REVIEW_REQUEST_AFTER_DAYS),
    )


def _ask(order: Order, now: datetime) -> bool:
    """Ask about a locked order; True if a mail was queued."""
    lines = _to_ask_about(order)
    if lines:
        queue_review_reminder(order, lines, **links.reminder_facts(lines))
    order.reviews_asked_at = now
    order.save(update_fields=["reviews_asked_at"])
    return bool(lines)


def _to_ask_about(order: Order) -> list[OrderLine]:
    """One line for each product, without those reviewed already, or no longer sold and so not shown."""
    reviewed = set(order.reviews.values_list("product_id", flat=True))
    lines = {line.product_id: line for line in order.lines.select_related("product__seller").order_by("-pk")}
    return [line for key, line in sorted(lines.items()) if line.product.for_sale and key not in reviewed]


# --- writing ---------------------------------------------------------------------------------------------------------


def line_of(subject: Subject) -> OrderLine:
    """The line to review. Raises NothingToReview if the order is gone, no longer a delivered one, or has no such line.

    A customer who was asked may review a product that is no longer sold.
    """
    lines = OrderLine.objects.select_related("order", "product").filter(order__status=OrderStatus.DELIVERED)
    line = lines.filter(**subject._asdict()).first()
    if line is None:
        raise NothingToReview
    return line


def written(subject: Subject) -> Review | None:
    """The customer's review, if there is one."""
    return _of(subject).first()


def write(subject: Subject, rating: int, text: str, name: str) -> Review:
    """Write or replace the customer's review; it waits for a moderator.

    Raises NothingToReview like `line_of`, and ReviewPublished: other customers have read it.
    """
    with transaction.atomic():
        # The order's lock makes a second click find the first one's review; the review's lock keeps moderators out.
        Order.objects.select_for_update().filter(pk=subject.order_id).first()
        line_of(subject)
        review = _of(subject).select_for_update().first() or Review(**subject._asdict())
        if review.is_published:
            raise ReviewPublished
        review.write(rating, text, name, database_now())
        review.save()
    log.info("review.written", extra={"review": review.pk, "rating": rating})
    return review


def _of(subject: Subject) -> QuerySet[Review]:
    """Contains one review or none."""
    return Review.objects.filter(**subject._asdict())


# --- moderation ------------------------------------------------------------------------------------------------------


def moderate(review_id: int, seen: datetime, status: Review.Status, by: str) -> bool:
    """Publish or reject the text of `seen`; False if it has this status, or if the customer has changed it since."""
    with transaction.atomic():
        reviews = Review.objects.select_for_update().filter(pk=review_id, changed_at=seen)
        review = reviews.exclude(status=status).first()
        if review is None:
            return False
        review.moderate(status, by, database_now())
        review.save(update_fields=["status", "moderated_at", "moderated_by"])
    log.info(f"review.{status}", extra={"review": review_id, "by": by})
    return True
