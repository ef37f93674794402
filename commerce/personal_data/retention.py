"""The nightly deletion of personal data whose time is over.

Orders are found without a lock, in the order of their end, and made anonymous one by one, each in its own transaction.
One that is still needed is left for the next night. An interrupted run loses nothing.
"""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from commerce import each_order
from commerce.models import Notification, Order
from commerce.personal_data import erasing
from config.due import shutting_down
from config.due.queue import database_now

log = logging.getLogger(__name__)

BATCH = 200
"""Rows that are found, and mails that are written, at once."""


def erase_old_data(seconds: float) -> bool:
    """Delete for up to `seconds`; True if some may be left and it should be called again."""
    ends_at, now = time.monotonic() + seconds, database_now()
    orders = mails = 0
    for order_id in _old_orders(now - timedelta(days=settings.CUSTOMER_DATA_RETENTION_DAYS)):
        if _is_over(ends_at):
            break
        orders += each_order.work_on(order_id, erasing.finished(), _forget, "order.erase_failed")
    while not _is_over(ends_at) and (blanked := _blank_mails(now - timedelta(days=settings.MAIL_RETENTION_DAYS))):
        mails += blanked
    finished = not _is_over(ends_at)
    if orders or mails or not finished:
        log.info("personal_data.erased", extra={"orders": orders, "mails": mails, "finished": finished})
    return not finished


def _forget(order: Order) -> bool:
    erasing.forget(order)
    return True


def _old_orders(before: datetime) -> Iterator[int]:
    """The ids of orders that ended before, batch after batch, from the index `order_not_erased`."""
    orders, later = Order.objects.filter(erased_at=None, ended_at__lt=before).order_by("ended_at", "pk"), Q()
    while found := list(orders.filter(later).values_list("ended_at", "pk")[:BATCH]):
        yield from (key for _ended_at, key in found)
        ended_at, key = found[-1]
        later = Q(ended_at__gt=ended_at) | Q(ended_at=ended_at, pk__gt=key)


def _blank_mails(before: datetime) -> int:
    """Of one batch, from the index `notification_not_erased`."""
    mails = Notification.objects.exclude(text="").exclude(status=Notification.Status.QUEUED)
    old = mails.filter(report__isnull=True, queued_at__lt=before).order_by("queued_at", "pk")
    keys = list(old.values_list("pk", flat=True)[:BATCH])
    return erasing.blank_texts(mails.filter(pk__in=keys))


def _is_over(ends_at: float) -> bool:
    return shutting_down.is_set() or time.monotonic() >= ends_at
