"""Normalizes text for the search, the same on every database.

SQLite folds the case of ASCII only, PostgreSQL by its locale. So both sides are folded in Python: the products' texts
are stored folded (`Product.search_text`), and a query is folded before the database gets it.
"""

import unicodedata

LONGEST_QUERY = 100
"""Characters of a query that are read; no name is longer."""

EDGES = ".,;:!?'\"“”«»„()[]"


def fold(*texts: str) -> str:
    """Lower case, one Unicode form for each letter, ё as е, and single spaces."""
    folded = unicodedata.normalize("NFKC", " ".join(texts)).casefold().replace("ё", "е")
    return " ".join(folded.replace("\0", " ").split())


def words(query: str) -> list[str]:
    """The folded words of a query, without duplicates and surrounding punctuation; a lone sign is a word."""
    return list(dict.fromkeys(word.strip(EDGES) or word for word in fold(query[:LONGEST_QUERY]).split()))
