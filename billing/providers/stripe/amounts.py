"""Amounts at Stripe: whole numbers of its own smallest unit, with a lower-case currency.

Source: https://docs.stripe.com/currencies
"""

import re

from billing.errors import BadAnswer
from billing.money import Money, decimals
from billing.providers.amounts import check_smallest, not_accepted
from billing.providers.fields import Json, text

# #special-cases: "backwards compatibility requires you to represent it as a two-decimal value" (ISK, UGX);
# #zero-decimal counts MGA among them, which has two in ISO 4217; and three-decimal amounts "require the
# least-significant (last) digit to be 0".
DECIMALS = {"ISK": 2, "UGX": 2, "MGA": 0}

SMALLEST = {
    smallest.currency: smallest
    for smallest in (
        Money.parse(value, currency)
        for value, currencies in {
            "0.30": "GBP",
            "0.50": "USD AUD BRL CAD CHF EUR INR NZD SGD",
            "1": "BGN",
            "2": "AED MYR PLN RON",
            "2.50": "DKK",
            "3": "NOK SEK",
            "4": "HKD",
            "10": "MXN THB",
            "15": "CZK",
            "50": "JPY",
            "175": "HUF",
        }.items()
        for currency in currencies.split()
    )
}
"""#minimum-and-maximum-charge-amounts. They hold for an account that is paid out in this currency. Any other account
must reach the smallest amount of its own currency after conversion; Stripe itself refuses less.
"""

LARGEST = 99_999_999
"""In Stripe's units: "The amount value supports up to eight digits" (the same section)."""


def check_amount(amount: Money) -> None:
    """Raises AmountNotAccepted for an amount that Stripe does not charge."""
    if amount.currency in SMALLEST:
        check_smallest("Stripe", amount, SMALLEST[amount.currency])
    if to_stripe(amount) > LARGEST:
        raise not_accepted("Stripe", amount, "it takes eight digits")


def to_stripe(amount: Money) -> int:
    """Raises AmountNotAccepted for too many decimals; nothing is rounded."""
    ours, theirs = _units(amount.currency)
    counted, rest = divmod(amount.minor * theirs, ours)
    if rest or (decimals(amount.currency) == 3 and counted % 10):
        raise not_accepted("Stripe", amount, f"it takes fewer decimals in {amount.currency}")
    return counted


def from_stripe(fields: Json, name: str) -> Money:
    """Read an amount, and the currency beside it."""
    counted, currency = fields.get(name), text(fields, "currency").upper()
    if type(counted) is not int or not 0 <= counted < 10**12 or not re.fullmatch("[A-Z]{3}", currency):
        raise BadAnswer(f"the field {name!r} is not an amount")
    ours, theirs = _units(currency)
    minor, rest = divmod(counted * ours, theirs)
    if rest:
        raise BadAnswer(f"the field {name!r} has too many decimals for {currency}")
    return Money(minor, currency)


def _units(currency: str) -> tuple[int, int]:
    """Minor units per unit of the currency: by ISO 4217, and at Stripe."""
    places = decimals(currency)
    return int(10**places), int(10 ** DECIMALS.get(currency, places))
