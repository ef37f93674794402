"""Find payments by a word: the number of a row, the shop's reference, or the provider's id."""

from django.conf import settings
from django.db.models import Q


def number_in(word: str) -> int | None:
    """The word as the number of a row; None, which matches no row, if it cannot be one."""
    return int(word) if word.isdecimal() and len(word) <= 18 else None


def payments_named(word: str) -> Q:
    """The payments that the word may name. Each part has an index; the index on provider ids begins with the account.

    A word with a NUL names nothing: PostgreSQL does not accept it in a query.
    """
    if "\0" in word:
        return Q(pk=None)
    at_provider = Q(account__in=sorted(settings.PAYMENT_ACCOUNTS), provider_ref=word)
    return Q(pk=number_in(word)) | Q(reference=word) | at_provider
