"""How words are compared: by what a reader takes for the same, on every database.

SQLite folds the case of ASCII only, PostgreSQL as its locale says. So both sides are folded here: what is searched is
kept folded (`Product.search_text`), and what somebody looks for is folded before the database sees it.
"""

import unicodedata

LONGEST_QUERY = 100
"""So many characters of what somebody looks for are read; no name is longer."""

EDGES = ".,;:!?'\"“”«»„()[]"


def fold(*texts: str) -> str:
    """Without case, in one spelling of every letter, ё as е, and one space between words."""
    folded = unicodedata.normalize("NFKC", " ".join(texts)).casefold().replace("ё", "е")
    return " ".join(folded.replace("\0", " ").split())


def words(query: str) -> list[str]:
    """The words of a query, folded, each once and without the punctuation around it; a lone sign is a word."""
    return list(dict.fromkeys(word.strip(EDGES) or word for word in fold(query[:LONGEST_QUERY]).split()))
