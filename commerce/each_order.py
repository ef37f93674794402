"""Work on many orders one by one: each in its own transaction, under its lock."""

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet

from commerce.models import Order
from commerce.order_number import number_of
from config.logging import log_context

log = logging.getLogger(__name__)


def work_on(order_id: int, orders: QuerySet[Order], work: Callable[[Order], bool], failed: str) -> bool:
    """The result of `work`, under the order's lock; False if it is not one of `orders` any more.

    A locked order is changing, and is left for the next run. An order's own error is logged as `failed`, and does not
    block the others.
    """
    skip_locked = connection.features.has_select_for_update_skip_locked
    with log_context(order=number_of(order_id)):
        try:
            with transaction.atomic():
                order = orders.select_for_update(skip_locked=skip_locked).filter(pk=order_id).first()
                return order is not None and work(order)
        except (OperationalError, InterfaceError):  # the database is unreachable, for all orders
            raise
        except Exception:
            log.exception(failed)
            return False
