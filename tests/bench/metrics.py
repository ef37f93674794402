"""What the metrics cost: of the checks, with and without them in turn; and of a look at 1,000,000 payments.

Run as a process of its own, on the database that DATABASE_URL names; prints two lines of JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from config.metrics import files

files.begin()  # as in a worker, before prometheus_client is imported

import django  # noqa: E402
from django.db import connection  # noqa: E402
from prometheus_client import Counter, Gauge, Histogram  # noqa: E402

django.setup()

from actors.metrics.page import metrics_page  # noqa: E402 (models can be imported once Django is set up)
from billing.models import Payment  # noqa: E402
from config.due.queue import database_now  # noqa: E402
from config.metrics.registry import DATABASE  # noqa: E402
from tests.bench.checks import work_off, write_payments  # noqa: E402

COSTS = ("cpu_ms_per_check", "seconds")
DUE = 1_000
LOOKS = 30

MANY = """
    INSERT INTO billing_payment (account, provider_ref, reference, idempotency_key, amount_minor, currency, description,
        return_url, pay_url, status, raw_status, reason, attention, attention_note, found_by, claims, errors, asked_by,
        window_ends_at, created_at, next_check_at)
    SELECT 'sandbox', 'many-' || n, 'many-' || n, 'many-' || n, 450, 'EUR', 'bench', 'http://127.0.0.1/', '', 'pending',
        '', '', '', '', '', 0, 0, '', now() + interval '1 hour', now() - n * interval '1 second',
        now() + (n - %s) * interval '1 second'
    FROM generate_series(1, %s) AS n
"""
ALL_DUE = "UPDATE billing_payment SET next_check_at = now() - id % 3600 * interval '1 second'"


def main(rounds: int, payments: int) -> None:
    """Pairs of rounds in changing order, so that the machine's moods reach both alike; then the looks.

    Two rounds differ by more than metrics could cost, so their calls are timed as well: pairs show what timing misses.
    """
    write_payments(DUE)
    pairs = [_pair(number) for number in range(rounds + 1)][1:]  # the first one warms up
    found = {what: [on[what] / off[what] for on, off in pairs] for what in COSTS}
    print(json.dumps(found | {"calls": [_share_of_the_calls() for _ in range(rounds)]}), flush=True)
    print(json.dumps(_looks(payments)), flush=True)


def _pair(number: int) -> tuple[dict[str, float], dict[str, float]]:
    """What the checks took with metrics, and without."""
    order = (True, False) if number % 2 else (False, True)
    cost = {counted: _round(counted) for counted in order}
    return cost[True], cost[False]


def _round(counted: bool) -> dict[str, float]:
    Payment.objects.update(next_check_at=database_now() - timedelta(seconds=1), created_at=database_now())
    with nullcontext() if counted else _nothing_is_counted():
        return work_off(DUE)


@contextmanager
def _nothing_is_counted() -> Iterator[None]:
    """As if the calls were not there; what remains of them is one call of an empty function each."""
    with (
        patch.multiple(Counter, labels=_itself, inc=_idle),
        patch.multiple(Histogram, labels=_itself, observe=_idle),
        patch.multiple(Gauge, labels=_itself, set=_idle, inc=_idle),
    ):
        yield


def _share_of_the_calls() -> float:
    """Of a round's processor time, what its calls of metrics took: each is timed, in its own thread."""
    spent: list[float] = []
    with (
        patch.multiple(Counter, labels=_timed(Counter.labels, spent), inc=_timed(Counter.inc, spent)),
        patch.multiple(Histogram, labels=_timed(Histogram.labels, spent), observe=_timed(Histogram.observe, spent)),
        patch.multiple(Gauge, labels=_timed(Gauge.labels, spent), set=_timed(Gauge.set, spent)),
    ):
        cost = _round(counted=True)
    return sum(spent) / (cost["cpu_ms_per_check"] * DUE / 1000)


def _timed(call: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.thread_time()
        try:
            return call(*args, **kwargs)
        finally:
            spent.append(time.thread_time() - began)

    return timed


def _itself(metric: object, *_: object) -> object:
    return metric


def _idle(*_: object) -> None:
    """Count nothing."""


def _looks(payments: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds for a page of the web, with a tenth of the payments due, and with all of them."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE billing_payment CASCADE")
        cursor.execute(MANY, [payments // 10, payments])
        cursor.execute("VACUUM ANALYZE billing_payment")
        some = _look_often()
        cursor.execute(ALL_DUE)
        cursor.execute("VACUUM ANALYZE billing_payment")
    return {"a tenth of them due": some, "all of them due": _look_often()}


def _look_often() -> dict[str, list[float]]:
    """The page, and of it what PostgreSQL did by its own account: the rest is Python, and waiting for a turn."""
    metrics_page(DATABASE)
    looks = [(_look(), _look_of_server()) for _ in range(LOOKS)]
    return {"page": [page for page, _ in looks], "server": [server for _, server in looks]}


def _look() -> float:
    started = time.perf_counter()
    metrics_page(DATABASE)
    return 1000 * (time.perf_counter() - started)


def _look_of_server() -> float:
    """Every question of a page once more, explained."""
    asked: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, *rest: Any) -> Any:
        asked.append((sql, params))
        return execute(sql, params, *rest)

    with connection.execute_wrapper(note):
        metrics_page(DATABASE)
    return sum(_explained_ms(sql, params) for sql, params in asked if "FROM" in sql)


def _explained_ms(sql: str, params: Any) -> float:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
        [plan] = cursor.fetchone()[0]
    return float(plan["Planning Time"] + plan["Execution Time"])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
