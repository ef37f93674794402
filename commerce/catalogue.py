"""The products for sale, and the search."""

from django.db.models import Case, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf

from commerce.models import FOR_SALE, Product
from commerce.models.catalogue import fold

PER_PAGE = 12

LONGEST_QUERY = 100
"""Characters of a query that are read; no name is longer."""

EDGES = ".,;:!?'\"“”«»„()[]"


def for_sale(query: str, language: str | None) -> QuerySet[Product]:
    """Products for sale that contain every word of the query in one of the languages; sold out last, then by name."""
    found = Product.objects.filter(FOR_SALE)
    for word in words(query):
        found = found.filter(search_text__contains=word)
    name = Coalesce(NullIf("name_ru", Value("")), "name") if language == "ru" else "name"
    return found.order_by(Case(When(stock=0, then=1), default=0), name, "pk")


def words(query: str) -> list[str]:
    """The folded words of a query, without duplicates and surrounding punctuation; a lone sign is a word."""
    return list(dict.fromkeys(word.strip(EDGES) or word for word in fold(query[:LONGEST_QUERY]).split()))
