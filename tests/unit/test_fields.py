"""Fields of a provider's answer: read strictly, and refused with the name of the field."""

from datetime import UTC, datetime

import pytest

from billing.errors import BadAnswer
from billing.money import Money
from billing.providers.fields import callback_hint, id_or_nothing, moment, moment_or_none, money, objects, rows, text


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


@pytest.mark.parametrize(
    ("written", "hour", "second", "microsecond"),
    [
        ("2026-07-01T10:20:30Z", 10, 30, 0),
        ("2026-07-01t10:20:30z", 10, 30, 0),
        ("2026-07-01T10:20:30.5Z", 10, 30, 500_000),
        ("2026-07-01T10:20:30.123456789Z", 10, 30, 123_456),
        ("2026-07-01T10:20:60Z", 10, 59, 0),
        ("2026-07-01T12:20:30+02:00", 10, 30, 0),
        ("2026-07-01T03:20:30-0700", 10, 30, 0),
    ],
)
def test_a_date_is_read_as_its_contract_allows(written: str, hour: int, second: int, microsecond: int) -> None:
    """RFC 3339 with small letters, leap seconds and any fraction, and PayPal's zones without a colon: in UTC."""
    expected = datetime(2026, 7, 1, hour, 20, second, microsecond, UTC)

    assert moment({"at": written}, "at") == moment_or_none({"at": written}, "at") == expected


@pytest.mark.parametrize(
    "written",
    [
        None,
        1_783_000_000,
        "",
        "soon",
        "2026-07-01",
        "2026-07-01T10:20:30",
        "2026-02-30T10:20:30Z",
        "2026-07-01T25:20:30Z",
        "2026-07-01T10:20:61Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "2026-07-01T10:20:30+99:99",
        "2026-07-01T10:20:30Z\n",
        "٢٠٢٦-07-01T10:20:30Z",
        "2026-07-01T10:20:30." + "9" * 300 + "Z",
    ],
)
def test_what_is_no_date_is_refused_or_nothing(written: object) -> None:
    """Without a zone it is none: whose midnight would it be?"""
    with pytest.raises(BadAnswer, match="'at'"):
        moment({"at": written}, "at")
    assert moment_or_none({"at": written}, "at") is None


def test_an_unreadable_row_stands_for_itself() -> None:
    """What `read` leaves out is not there; the rows around it are."""
    page = {"items": [{"id": "a"}, {"id": 17}, None, {"id": "skip"}, {"id": "b"}]}

    found = list(rows(page, "items", lambda row: None if row["id"] == "skip" else text(row, "id")))

    assert [each if isinstance(each, str) else type(each) for each in found] == ["a", BadAnswer, BadAnswer, "b"]


@pytest.mark.parametrize("page", [{}, {"items": None}, {"items": {"id": "a"}}, {"items": "a"}])
def test_a_page_without_rows_is_refused_as_a_whole(page: dict[str, object]) -> None:
    """There is nothing that a row could stand for."""
    with pytest.raises(BadAnswer, match="'items' is not a list"):
        list(rows(page, "items", lambda row: row))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("pi_1", "pi_1"),
        ({"id": "pi_1"}, "pi_1"),
        ({"id": {"id": "x"}}, ""),
        ({}, ""),
        ([], ""),
        (None, ""),
        (17, ""),
        ("x" * 201, ""),
        ("a\0b", ""),
        ("\ud800", ""),
    ],
)
def test_an_id_stands_alone_or_in_its_object(value: object, found: str) -> None:
    """Half an id would be another one, so a long one is none."""
    assert id_or_nothing(value) == found


def test_a_hint_has_each_id_once_in_its_order() -> None:
    """And is refused if it names nothing at all."""
    assert callback_hint(["b", "", "a", "b"], "", "x").refs == ("b", "a")
    assert callback_hint([], "order-1", "x").refs == ()
    with pytest.raises(BadAnswer, match="names no payment"):
        callback_hint(["", ""], "", "x")
