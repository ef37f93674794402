"""The order number: one for each order, read in any writing, and never another order's by one wrong digit."""

from itertools import pairwise

import pytest

from commerce.order_number import number_of, pk_of

KEYS = [*range(1, 2_000), 9_999_999, 10_000_000, 10_000_001, 20_000_000, 123_456_789, 10**12]


def test_every_order_has_a_number_of_its_own() -> None:
    """And each number leads back to its order."""
    numbers = [number_of(pk) for pk in KEYS]

    assert [pk_of(number) for number in numbers] == KEYS
    assert len(set(numbers)) == len(KEYS)


def test_eight_digits_are_enough_for_ten_million_orders() -> None:
    """Later numbers are longer, and begin with other digits than zeros."""
    assert {len(number_of(pk)) for pk in (1, 17, 5_000_000, 9_999_999)} == {len("4812-7390")}
    assert number_of(10_000_000)[0] != "0"
    assert len(number_of(10_000_000)) == len("4812-7390") + 1


def test_neighbours_do_not_look_alike() -> None:
    """Nobody takes one for the other, or counts the shop's orders."""
    for one, next_one in pairwise(number_of(pk) for pk in range(1, 1_000)):
        assert sum(a != b for a, b in zip(one, next_one, strict=True)) >= 3


@pytest.mark.parametrize(
    "writing",
    [
        "{0}-{1}", "{0}{1}", "{0} {1}", " № {0} {1} ", "#{0}-{1}", "{0}\u2011{1}", "{0}\u00a0–\u00a0{1}",
        "Order number: {0}-{1}", "Заказ №{0}-{1}",
    ],
)  # fmt: skip
def test_a_number_is_read_in_any_writing(writing: str) -> None:
    """As people type and paste it."""
    for pk in KEYS[::97]:
        assert pk_of(writing.format(*number_of(pk).split("-"))) == pk


def test_one_wrong_digit_is_nobodys_number() -> None:
    """Misheard or mistyped, in any place."""
    for pk in KEYS[::50]:
        digits = number_of(pk)
        for place, digit in enumerate(digits):
            for other in "0123456789".replace(digit, "") if digit != "-" else "":
                assert pk_of(digits[:place] + other + digits[place + 1 :]) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "-", "17", "4812", "4812-739x", "٤٨١٢٧٣٩٠", "ann@example.com", "\0",
        "0" + number_of(17), "9" * 30, "²" * 8, "x" + number_of(17),
    ],
)  # fmt: skip
def test_other_words_are_no_numbers(text: str) -> None:
    """Also with zeros in front, or in other digits than ours."""
    assert pk_of(text) is None
