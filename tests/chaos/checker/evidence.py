"""What was found: the notes of the people, the mailbox, the provider's books, and the shop's tables."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = dict[str, Any]

LOST, DOUBLED, WRONG, STOCK = "lost", "doubled", "wrong", "stock"
MAILS_MISSING, MAILS_DOUBLED, UNFINISHED = "mails_missing", "mails_doubled", "unfinished"

WORDS = (LOST, DOUBLED, WRONG, STOCK, MAILS_MISSING, MAILS_DOUBLED, UNFINISHED)
"""Kinds of findings. *Unfinished* is no fault: the machine was too slow to say more."""

WAS_PAID = ("paid", "delivered", "refunded")
"""What the shop's table says of an order that was paid once."""

PAGES_ONCE_PAID = (*WAS_PAID, "sent", "sent_back")
"""What the order's page may say then."""


@dataclass(frozen=True)
class Finding:
    """Two sides contradict each other about one thing."""

    word: str
    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.word.upper().replace('_', ' ')}  {self.about}: {self.text}"


@dataclass(frozen=True)
class Evidence:
    """Everything that the rules may look at. Notes are lines by the name of their file, tables rows by their name."""

    run: Row
    notes: Mapping[str, Sequence[Row]]
    books: Mapping[str, Sequence[Row]]
    tables: Mapping[str, Sequence[Row]]

    @property
    def at_rest(self) -> bool:
        """Had the shop all the time that it needs, and do books and tables belong together?"""
        return self.run["rested_at"] is not None and bool(self.run.get("consistent", True))

    @property
    def late(self) -> str:
        """The word for what is not there: lost, if it will not come any more."""
        return LOST if self.at_rest else UNFINISHED

    def orders(self) -> dict[str, Row]:
        """The shop's orders by their public id."""
        return {order["public_id"]: order for order in self.tables["commerce_order"]}

    def provider_payments(self) -> dict[str, list[Row]]:
        """The provider's payments by the order that they name."""
        return grouped(self.books["payments"], lambda payment: payment["reference"])

    def shop_payments(self) -> dict[str, Row]:
        """The shop's payments by the provider's id; those without one are not here."""
        return {row["provider_ref"]: row for row in self.tables["billing_payment"] if row["provider_ref"]}

    def noted(self, name: str, *did: str) -> list[Row]:
        """The notes of this file, or those of them about these deeds."""
        return [note for note in self.notes.get(name, ()) if not did or note["did"] in did]


def grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    """Rows by a value; a value without rows has an empty list."""
    found: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def minor(amount: str | Decimal) -> int:
    """An amount of euros in cents; the whole assortment of the demonstration shop costs euros."""
    return int(Decimal(amount) * 100)


def load(directory: Path) -> Evidence:
    """What the directory has. Raises OSError and ValueError."""
    notes = {file.stem: _lines(file) for file in directory.glob("*.jsonl")}
    run, books, tables = (json.loads((directory / f"{name}.json").read_text()) for name in ("run", "books", "tables"))
    return Evidence({**run, "consistent": books.pop("consistent", True)}, notes, books, tables)


def _lines(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
