"""Amounts of money: whole minor units and a currency, never a float."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from babel import Locale
from babel.numbers import NumberPattern, parse_pattern
from django.utils.translation import get_language

from config.formats import locale_of
from config.formats.sentences import VALUES

# Short enough that Decimal's 28 digits are never rounded.
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_CODE_AND_DIGIT = re.compile(r"(?<=[A-Z])(?=[0-9])")
"""CLDR has a space between a currency's letters and its number, which Babel leaves out."""

LARGEST_MINOR = 10**15 - 1
"""A larger amount could not be read back from a provider's answer; providers have limits of their own."""

# ISO 4217, list one: every other currency in use has two decimals.
_WITHOUT_DECIMALS = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())  # noqa: SIM905
_THREE_DECIMALS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())  # noqa: SIM905


@dataclass(frozen=True)
class Money:
    """An amount in minor units (cents, kopecks, whole yen) of a currency (three capital letters of ISO 4217)."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, value: str, currency: str) -> "Money":
        """Read "12.50" exactly. Raises ValueError for anything but a decimal the currency can hold."""
        if not (isinstance(value, str) and _DECIMAL.fullmatch(value)):
            raise ValueError("an amount is a decimal string like 12.50")
        if not (isinstance(currency, str) and _CURRENCY.fullmatch(currency)):
            raise ValueError("a currency is three capital letters")
        minor = Decimal(value).scaleb(decimals(currency))
        if minor != minor.to_integral_value() or abs(minor) > LARGEST_MINOR:
            raise ValueError(f"an amount in {currency} has at most {decimals(currency)} decimals and 15 digits")
        return cls(int(minor), currency)

    @property
    def value(self) -> str:
        """The amount as a decimal string: "12.50"; "1250" for a currency without decimals."""
        places = decimals(self.currency)
        return f"{Decimal(self.minor).scaleb(-places):.{places}f}"

    def as_json(self) -> dict[str, str]:
        """Like `{"value": "12.50", "currency": "EUR"}`."""
        return {"value": self.value, "currency": self.currency}

    def __add__(self, other: "Money") -> "Money":
        """Raises ValueError for two currencies."""
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added")
        return Money(self.minor + other.minor, self.currency)

    def __mul__(self, quantity: int) -> "Money":
        return Money(self.minor * quantity, self.currency)

    def __str__(self) -> str:
        """For programs, logs and books: "12.50 EUR", in every language."""
        return f"{self.value} {self.currency}"

    def localized(self) -> str:
        """For pages and mails, in the reader's language: "€12.50", "12,50\N{NO-BREAK SPACE}€".

        A command has no reader's language, and writes what `str` does.
        """
        language = get_language()
        if not language:
            return str(self)
        locale = locale_of(language)
        pattern = _pattern(locale, decimals(self.currency))
        written = pattern.apply(Decimal(self.value), locale, currency=self.currency, currency_digits=False)
        return _CODE_AND_DIGIT.sub("\N{NO-BREAK SPACE}", written)


def _as_localized(text: str) -> str | None:
    """An amount in a stored sentence, as `str` has written it there."""
    value, _space, currency = text.partition(" ")
    try:
        amount = Money.parse(value, currency)
    except ValueError:
        return None
    return amount.localized() if str(amount) == text else None


VALUES.append(_as_localized)


def decimals(currency: str) -> int:
    """How many digits follow the decimal point."""
    if currency in _WITHOUT_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


@cache
def _pattern(locale: Locale, places: int) -> NumberPattern:
    """With the decimals of ISO 4217: CLDR leaves out those that people do not use, and a rounded amount is wrong."""
    pattern = parse_pattern(locale.currency_formats["standard"].pattern)
    pattern.frac_prec = (places, places)
    return pattern
