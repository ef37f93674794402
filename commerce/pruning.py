"""Deletes abandoned carts.

A shop has millions of them, and stays open during the cleanup. So a batch is found without a lock, then locked, checked
again and deleted in one short transaction, whose size adapts to the machine. Only one batch is in memory. The only
state between batches is the last key, so an interrupted run loses nothing: the next run starts with the oldest cart.
"""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.payments import service as payments
from commerce.models import Cart, Order, OrderStatus
from config.due import shutting_down
from config.due.queue import database_now

log = logging.getLogger(__name__)

ANONYMOUS_CARTS_KEPT = timedelta(days=settings.CART_RETENTION_DAYS)
CUSTOMERS_CARTS_KEPT = timedelta(days=settings.CUSTOMER_CART_RETENTION_DAYS)
"""Since the last change of the cart's content. Reading a cart does not count."""

BATCH_LOCKS_S = 0.025
"""Target for how long a batch holds its locks: an eighth of the 200 ms that a customer may wait."""

STATEMENT_LIMIT_MS = 60
"""PostgreSQL's statement timeout: a slow moment of the machine ends a large batch, and a smaller one is tried."""

QUERY_CANCELED = "57014"
"""PostgreSQL's SQLSTATE for a statement timeout."""

SMALLEST_BATCH, FIRST_BATCH, LARGEST_BATCH = 10, 100, 2_000
"""In carts."""

LOG_EVERY_S = 5.0


def cleanup_old_carts(seconds: float) -> bool:
    """Delete old carts for up to `seconds`; True if some may be left and it should be called again.

    A cart is old if it was not changed for ANONYMOUS_CARTS_KEPT, or CUSTOMERS_CARTS_KEPT if it is a customer's.

    An old cart is kept while an order placed from it

    * awaits payment, or has a payment whose outcome is unknown;
    * has a payment that succeeded, and ended more recently than the cart's own retention time;
    * requires attention: nothing about it is deleted until a person has resolved it.
    """
    started = time.monotonic()
    deleted, logged_at, finished = 0, started, True
    for batch in _batches():
        deleted += batch
        now = time.monotonic()
        if now - logged_at >= LOG_EVERY_S:
            logged_at = now
            log.info("carts.cleaning", extra={"deleted": deleted, "seconds": round(now - started, 1)})
        if shutting_down.is_set() or now - started >= seconds:
            finished = False
            break
    took = round(time.monotonic() - started, 1)
    log.info("carts.cleaned", extra={"deleted": deleted, "seconds": took, "finished": finished})
    return not finished


def _batches() -> Iterator[int]:
    """Delete batch after batch; yields the number of carts in each.

    After each batch it pauses as long as the batch took: SQLite allows one writer at a time, and does not queue them.
    """
    now = database_now()
    anonymous = _old(Q(customer__isnull=True), now - ANONYMOUS_CARTS_KEPT)
    customers = _old(Q(customer__isnull=False), now - CUSTOMERS_CARTS_KEPT)
    for carts in (anonymous, customers):
        size, last = FIRST_BATCH, None
        while found := _next_keys(carts, last, size):
            last = found[-1]
            started = time.monotonic()
            deleted = _delete_in_time(carts, [key for _, key in found])
            took = time.monotonic() - started
            size = _next_size(len(found), took)
            yield deleted
            shutting_down.wait(took)


def _old(owner: Q, kept_since: datetime) -> QuerySet[Cart]:
    """Carts last changed before this moment, without the ones that `cleanup_old_carts` keeps."""
    orders = Order.objects.filter(cart=OuterRef("pk"))
    unsettled = orders.filter(Q(status=OrderStatus.AWAITING_PAYMENT) | ~Q(attention_note=""))
    with_money = orders.filter(Exists(payments.open_or_paid_since(OuterRef("public_id"), kept_since)))
    return Cart.objects.filter(owner, ~Exists(unsettled), ~Exists(with_money), changed_at__lt=kept_since)


def _next_keys(carts: QuerySet[Cart], last: tuple[datetime, int] | None, size: int) -> list[tuple[datetime, int]]:
    """The next keys in the order of the index `cart_by_age`, read without a lock."""
    if last:
        changed_at, key = last
        later = Q(changed_at__gt=changed_at) | Q(changed_at=changed_at, pk__gt=key)
        carts = carts.filter(later, changed_at__gte=changed_at)
    return list(carts.order_by("changed_at", "pk").values_list("changed_at", "pk")[:size])


def _delete_in_time(carts: QuerySet[Cart], keys: list[int]) -> int:
    """Delete the carts in one transaction, or in several if that one runs into the statement timeout."""
    try:
        return _delete(carts, keys)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != QUERY_CANCELED or len(keys) <= SMALLEST_BATCH:
            raise
    log.info("carts.batch_broken_off", extra={"size": len(keys)})
    half = len(keys) // 2
    return _delete_in_time(carts, keys[:half]) + _delete_in_time(carts, keys[half:])


def _delete(carts: QuerySet[Cart], keys: list[int]) -> int:
    """Delete the carts that are still old; a cart in use (locked) is skipped.

    Django's delete also deletes the items, and sets `cart` of their orders to NULL.
    """
    skip_locked = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        _limit_statements()
        locked = carts.filter(pk__in=keys).select_for_update(of=("self",), skip_locked=skip_locked).order_by("pk")
        still_old = list(locked.values_list("pk", flat=True))
        Cart.objects.filter(pk__in=still_old).delete()
    return len(still_old)


def _limit_statements() -> None:
    """For this transaction; SQLite has no statement timeout."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(STATEMENT_LIMIT_MS)])


def _next_size(size: int, took_s: float) -> int:
    """As many carts as fit into BATCH_LOCKS_S at the last batch's pace, up to twice its size.

    >>> [_next_size(200, took_s) for took_s in (0.0, 0.01, 0.025, 0.05, 10.0)]
    [400, 400, 200, 100, 10]
    """
    fitting = int(size * BATCH_LOCKS_S / max(took_s, 1e-6))
    return min(max(fitting, SMALLEST_BATCH), 2 * size, LARGEST_BATCH)
