"""Fields of a provider's answer: read strictly, and refused with the name of the field."""

import pytest

from billing.errors import BadAnswer
from billing.money import Money
from billing.providers.fields import money, objects


def test_an_amount_is_read_with_its_currency() -> None:
    """Under the name that the provider gives it."""
    assert money({"amount": {"value": "12.50", "currency": "EUR"}}, "amount") == Money(1250, "EUR")
    assert money({"amount": {"value": "1", "code": "JPY"}}, "amount", "code") == Money(1, "JPY")


@pytest.mark.parametrize(
    "amount",
    [None, "12.50", [], {}, {"value": "12.50"}, {"value": 12.5, "currency": "EUR"}, {"value": "x", "currency": "EUR"}],
)
def test_what_is_no_amount_is_refused(amount: object) -> None:
    """Nothing is guessed: a payment without a readable amount is no answer."""
    with pytest.raises(BadAnswer, match="'amount' is not an amount"):
        money({"amount": amount}, "amount")


@pytest.mark.parametrize("fields", [{}, {"items": None}, {"items": {}}, {"items": [{}, "x"]}])
def test_what_is_no_list_of_objects_is_refused(fields: dict[str, object]) -> None:
    """As a whole, before the first of them is looked at."""
    with pytest.raises(BadAnswer, match="'items' is not a list of objects"):
        next(objects(fields, "items"))
