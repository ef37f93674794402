"""Find payments by a word: the number of a row, the shop's reference or name for it, or an id of the provider."""

from collections.abc import Iterable

from django.conf import settings
from django.db.models import Q
from django.utils.module_loading import import_string

from billing.models import Payment, ProviderId


def number_in(word: str) -> int | None:
    """The word as the number of a row; None, which matches no row, if it cannot be one."""
    return int(word) if word.isdecimal() and len(word) <= 18 else None


def payments_named(word: str) -> Q:
    """The payments that the word may name. Each part has an index; the index on provider ids begins with the account.

    A word with a NUL names nothing: PostgreSQL does not accept it in a query.
    """
    if "\0" in word:
        return Q(pk=None)
    accounts = sorted(settings.PAYMENT_ACCOUNTS)
    return Q(pk=number_in(word)) | Q(reference__in=_references(word)) | _at_provider(accounts, [word])


def at_provider(account: str, refs: Iterable[str], reference: str) -> Payment | None:
    """The account's payment with one of these ids, its own or a part's; else the newest with our reference."""
    named = Payment.objects.filter(_at_provider([account], list(refs))).order_by("-id").first()
    if named or not reference:
        return named
    return Payment.objects.filter(account=account, reference=reference).order_by("-id").first()


def remember(payment: Payment, refs: Iterable[str]) -> None:
    """Keep further ids of the payment and of its parts: its charge, a refund, a dispute."""
    further = [ProviderId(account=payment.account, ref=ref, payment=payment) for ref in refs if ref]
    ProviderId.objects.bulk_create(further, ignore_conflicts=True)


def _references(word: str) -> list[str]:
    """The word itself, and what the shop's customers mean by it."""
    name = settings.PAYMENT_REFERENCE_READER
    meant = import_string(name)(word) if name else None
    return [word, meant] if meant else [word]


def _at_provider(accounts: list[str], refs: list[str]) -> Q:
    """The further ids are read first: a condition over both tables at once would use neither index."""
    further = ProviderId.objects.filter(account__in=accounts, ref__in=refs)
    keys = list(further.values_list("payment_id", flat=True))
    return Q(account__in=accounts, provider_ref__in=refs) | Q(pk__in=keys)
