"""What somebody means by a word: the number of a row, the shop's reference, or the provider's id."""

from django.conf import settings
from django.db.models import Q


def number_in(word: str) -> int | None:
    """The word as the number of a row; None, which no row has, if it cannot be one."""
    return int(word) if word.isdecimal() and len(word) <= 18 else None


def payments_named(word: str) -> Q:
    """The payments that somebody may mean; each part has an index, and that of the providers' ids begins with the
    account. Nothing is named by a NUL, which PostgreSQL would not even take in a question.
    """
    if "\0" in word:
        return Q(pk=None)
    at_provider = Q(account__in=sorted(settings.PAYMENT_ACCOUNTS), provider_ref=word)
    return Q(pk=number_in(word)) | Q(reference=word) | at_provider
