"""The nightly cleanup of a large shop: how long, how much memory, and how long does anybody wait for it?

Run as a process of its own, on the database that DATABASE_URL names; prints one JSON object. While it runs, a visitor
with a connection of its own touches carts at random, old ones and young ones.
"""

import json
import random
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402 (models can be imported once Django is set up)

from commerce import carts, pruning  # noqa: E402
from commerce.models import Cart, CartItem  # noqa: E402

WARM_UP_S = 3.0

FILL = """
    INSERT INTO commerce_seller (id, name, email, language, active)
    VALUES (1, 'Bench', 'bench@sellers.example.com', 'en', true);
    INSERT INTO commerce_product (id, slug, name, description, picture, price_minor, currency, stock, active, seller_id)
    SELECT n, 'bench-' || n, 'Bench ' || n, '', '', 100, 'EUR', 100, true, 1 FROM generate_series(1, 2) AS n;
    INSERT INTO commerce_cart (created_at, changed_at)
    SELECT moment, moment FROM (
        SELECT now() - (CASE WHEN random() < 0.5 THEN interval '20 days' ELSE interval '1 day' END)
                     - random() * interval '5 days' AS moment
        FROM generate_series(1, %s)
    ) AS ages;
    INSERT INTO commerce_cartitem (cart_id, product_id, quantity)
    SELECT cart.id, product.id, 1 FROM commerce_cart AS cart, commerce_product AS product;
    ANALYZE;
"""


class Visitor(threading.Thread):
    """Touches one cart after the other, and remembers the longest time that it took."""

    def __init__(self, highest: int) -> None:
        super().__init__(daemon=True)
        self._highest, self._over = highest, threading.Event()
        self.longest_s, self.visits, self.too_late = 0.0, 0, 0

    def run(self) -> None:
        while not self._over.is_set():
            started = time.perf_counter()
            self._touch(Cart(pk=random.randint(1, self._highest)))
            self.longest_s = max(self.longest_s, time.perf_counter() - started)
            self.visits += 1
            time.sleep(0.002)
        connection.close()

    def stop(self) -> None:
        """Returns when the last visit is over."""
        self._over.set()
        self.join()

    def _touch(self, cart: Cart) -> None:
        try:
            with transaction.atomic():
                carts.touch(cart)
        except carts.CartGone:
            self.too_late += 1


class Stopwatch:
    """Around a function: how often it was called, and how long the longest call took."""

    def __init__(self, function: Callable[..., int]) -> None:
        self._function = function
        self.calls, self.longest_s = 0, 0.0

    def __call__(self, *args: Any) -> int:
        started = time.perf_counter()
        try:
            return self._function(*args)
        finally:
            self.calls += 1
            self.longest_s = max(self.longest_s, time.perf_counter() - started)


def main(count: int) -> None:
    """Fill the tables, then clean up until nothing is left to do."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(FILL, [count])
    connection.close()
    before = _visited(count, lambda: time.sleep(WARM_UP_S))
    mb_before = _peak_mb()
    batches = Stopwatch(pruning._delete)
    pruning._delete = batches  # type: ignore[assignment]
    started = time.perf_counter()
    during = _visited(count, _clean_up)
    found = {
        "carts": count,
        "seconds": time.perf_counter() - started,
        "batches": batches.calls,
        "longest_batch_s": batches.longest_s,
        "longest_wait_before_s": before.longest_s,
        "longest_wait_s": during.longest_s,
        "visits": during.visits,
        "mb_before": mb_before,
        "mb_peak": _peak_mb(),
        "kept": Cart.objects.count(),
        "items": CartItem.objects.count(),
    }
    print(json.dumps({**found, "deleted": count - found["kept"]}), flush=True)


def _clean_up() -> None:
    while pruning.cleanup_old_carts(seconds=300):
        pass


def _visited(highest: int, work: Callable[[], None]) -> Visitor:
    visitor = Visitor(highest)
    visitor.start()
    work()
    visitor.stop()
    return visitor


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]))
