"""Find orders by what people say: the number, a part of the name or of the mail address."""

import re

from django.db import connection
from django.db.models import Q

from billing.lookup import number_in
from commerce.models import Order
from commerce.order_number import pk_of

SHORTEST_PART = 3
"""PostgreSQL's trigram index helps from three letters in a row on; a shorter part would read the whole table."""

_INDEXED = re.compile(rf"[^\W_]{{{SHORTEST_PART}}}")


def orders_named(text: str) -> Q:
    """Orders by number, public id, or a part of name or mail address in any case; each condition has an index."""
    if "\0" in text:
        return Q(pk=None)
    named = Q(pk=_pk_in(text)) | Q(public_id=text) | Q(email__iexact=text)
    if _INDEXED.search(text):
        for part in _writings(text):
            named |= Q(name__icontains=part) | Q(email__icontains=part)
    return named


def reference_of(text: str) -> str | None:
    """The reference of an order's payments, by the order's number; None if there is no such order."""
    key = pk_of(text)
    return Order.objects.filter(pk=key).values_list("public_id", flat=True).first() if key else None


def _pk_in(text: str) -> int | None:
    """By the number; in older mails to sellers stands the primary key."""
    return pk_of(text) or (number_in(text) if len(text) < 8 else None)


def _writings(text: str) -> set[str]:
    """SQLite ignores the case of ASCII letters only."""
    return {text} if connection.vendor == "postgresql" else {text, text.lower(), text.upper(), text.title()}
