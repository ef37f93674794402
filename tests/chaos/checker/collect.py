"""One consistent reading of the provider's books and the shop's tables, stored beside the notes."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import psycopg
from psycopg.rows import dict_row

TABLES = (
    "commerce_order", "commerce_orderline", "commerce_product", "commerce_notification",
    "billing_payment", "billing_paymentevent", "billing_refund", "billing_dispute", "billing_callback",
)  # fmt: skip

TRIES, PAUSE_S = 20, 1.0
"""Books that change while the tables are read are read again."""

_direct = build_opener(ProxyHandler({}))


def collect(directory: Path, database: str, provider: str) -> None:
    """Read the books, the tables, and the books again, until both readings of the books are the same."""
    for _ in range(TRIES):
        before, tables, after = _books(provider), _tables(database), _books(provider)
        if before == after:
            break
        time.sleep(PAUSE_S)
    books = {**after, "consistent": before == after}
    for name, content in (("books", books), ("tables", tables)):
        (directory / f"{name}.json").write_text(json.dumps(content, default=str), encoding="utf-8")


def _books(provider: str) -> dict[str, Any]:
    """Without the counters of callbacks, which go on when all is done."""
    books = {name: _ask(provider, name) for name in ("payments", "refunds", "disputes")}
    for payment in books["payments"]:
        payment.pop("callbacks", None)
    return books


def _ask(provider: str, name: str) -> list[dict[str, Any]]:
    with _direct.open(f"{provider}/control/{name}", timeout=60) as answer:
        found: list[dict[str, Any]] = json.load(answer)[name]
    return found


def _tables(database: str) -> dict[str, list[dict[str, Any]]]:
    """As they all were at one moment."""
    with psycopg.connect(database, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY id").fetchall() for name in TABLES}  # noqa: S608
