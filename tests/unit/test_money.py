"""Money: exact, in whole minor units."""

import re
from unittest.mock import ANY

import pytest
from babel.numbers import list_currencies
from django.utils import translation

from billing.money import Money, decimals


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("12.50", "EUR", 1250),
        ("12.5", "EUR", 1250),
        ("12", "EUR", 1200),
        ("12.500", "EUR", 1250),
        ("0.01", "EUR", 1),
        ("0", "EUR", 0),
        ("-4.20", "EUR", -420),
        ("1250", "JPY", 1250),
        ("1250.00", "JPY", 1250),
        ("1.234", "KWD", 1234),
        ("9999999999999.99", "RUB", 999999999999999),
    ],
)
def test_an_amount_is_read_exactly(value: str, currency: str, minor: int) -> None:
    """The currency says how many digits stand behind the point."""
    assert Money.parse(value, currency) == Money(minor, currency)


@pytest.mark.parametrize("value", ["0.1", "0.2", "0.3", "1.1", "4.35", "19.99", "1005.015", "8.675"])
def test_what_floats_cannot_hold_is_held(value: str) -> None:
    """Decimal strings never pass through a float."""
    assert Money.parse(value, "KWD").minor == int(value.replace(".", "").ljust(len(value.partition(".")[0]) + 3, "0"))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "abc",
        "12,50",
        "12.505",
        "0.001",
        "1.2.3",
        "0x10",
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "1e999999",
        "1e-999999",
        "1e999999999999999999",
        "9" * 5000,
        "10000000000000.00",
        "12.500000000000000000000000000000001",
    ],
)
def test_what_the_currency_cannot_hold_is_refused(value: str) -> None:
    """Nothing is rounded, nothing is guessed, and the only error is ValueError."""
    with pytest.raises(ValueError, match=r"decimal"):
        Money.parse(value, "EUR")


@pytest.mark.parametrize("value", [None, 12.5, 1250, True, ["12.50"], {"value": "12.50"}])
def test_an_amount_that_is_no_string_is_refused(value: object) -> None:
    """A JSON number has been a float somewhere already."""
    with pytest.raises(ValueError, match="decimal string"):
        Money.parse(value, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize("currency", ["", "eur", "EU", "EURO", "€", "978", None, 978])
def test_a_currency_is_three_capital_letters(currency: object) -> None:
    """As in ISO 4217."""
    with pytest.raises(ValueError, match="three capital letters"):
        Money.parse("12.50", currency)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(1250, "EUR"), "12.50 EUR"),
        (Money(1, "EUR"), "0.01 EUR"),
        (Money(-420, "EUR"), "-4.20 EUR"),
        (Money(1250, "JPY"), "1250 JPY"),
        (Money(1234, "KWD"), "1.234 KWD"),
        (Money(10**15, "RUB"), "10000000000000.00 RUB"),
    ],
)
def test_an_amount_is_written_with_all_its_digits(money: Money, text: str) -> None:
    """Never with an exponent, never shortened."""
    assert str(money) == text


@pytest.mark.parametrize(
    ("money", "english", "russian"),
    [
        (Money(940, "EUR"), "€9.40", "9,40_€"),
        (Money(0, "EUR"), "€0.00", "0,00_€"),
        (Money(-940, "EUR"), "-€9.40", "-9,40_€"),
        (Money(123_450, "EUR"), "€1,234.50", "1_234,50_€"),
        (Money(940, "RUB"), "RUB_9.40", "9,40_₽"),
        (Money(1_250, "JPY"), "¥1,250", "1_250_¥"),
        (Money(1_250, "KWD"), "KWD_1.250", "1,250_KWD"),
        (Money(1_250, "HUF"), "HUF_12.50", "12,50_HUF"),
        (Money(10**15 - 1, "USD"), "$9,999,999,999,999.99", "9_999_999_999_999,99_$"),
    ],
)
def test_an_amount_is_written_as_the_readers_language_does(money: Money, english: str, russian: str) -> None:
    """No line breaks inside it. In no language, as for a command, it is written as for programs."""
    written = {}
    for language in ("en", "en-gb", "ru", "udm", None):
        with translation.override(language):
            written[language] = money.localized().replace("\N{NO-BREAK SPACE}", "_")

    assert written == {"en": english, "en-gb": ANY, "ru": russian, "udm": english, None: str(money)}


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_language_rounds_an_amount(language: str) -> None:
    """CLDR drops the decimals of some currencies: every digit stays here, in any of them."""
    with translation.override(language):
        for money in (Money(1_234_567, currency) for currency in list_currencies()):
            assert re.sub("[^0-9]", "", money.localized()) == "1234567", money


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
@pytest.mark.parametrize("minor", [0, 1, 99, 100, 12_345, 10**15 - 1])
def test_an_amount_survives_being_written_and_read(minor: int, currency: str) -> None:
    """What the provider is told is what it tells back."""
    money = Money(minor, currency)

    assert Money.parse(money.value, currency) == money


def test_so_many_times_an_amount() -> None:
    """A line of an order costs price times quantity."""
    assert Money(450, "EUR") * 3 == Money(1350, "EUR")


def test_most_currencies_have_two_decimals() -> None:
    """The others are listed."""
    assert [decimals(currency) for currency in ("EUR", "RUB", "JPY", "ISK", "BHD", "TND")] == [2, 2, 0, 0, 3, 3]


def test_a_sum_has_one_currency() -> None:
    """Amounts of the same currency add up; two currencies make no sum, and the error names both."""
    assert Money(450, "EUR") + Money(-50, "EUR") == Money(400, "EUR")

    with pytest.raises(ValueError, match="EUR and JPY cannot be added"):
        Money(450, "EUR") + Money(450, "JPY")
