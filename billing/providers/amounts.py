"""Refusals of amounts, as sentences for operators."""

from billing.errors import AmountNotAccepted
from billing.money import Money


def check_smallest(provider: str, amount: Money, smallest: Money) -> None:
    """Raises AmountNotAccepted for less than the smallest amount that the provider takes."""
    if amount.minor < smallest.minor:
        raise not_accepted(provider, amount, f"the smallest amount is {smallest}", smallest)


def check_currency(provider: str, amount: Money, currencies: frozenset[str]) -> None:
    """Raises AmountNotAccepted for another currency."""
    if amount.currency not in currencies:
        raise not_accepted(provider, amount, f"it does not take {amount.currency}")


def not_accepted(provider: str, amount: Money, why: str, smallest: Money | None = None) -> AmountNotAccepted:
    """Like "Stripe does not accept 0.10 EUR: the smallest amount is 0.50 EUR"."""
    return AmountNotAccepted(f"{provider} does not accept {amount}: {why}", smallest)
