"""Readers for the fields of a provider's answer. A missing or invalid field is a BadAnswer."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from billing.errors import BadAnswer
from billing.money import Money
from billing.providers.base import RefundSnapshot
from billing.states import RefundStatus

Json = dict[str, Any]

TEXT_LIMIT = 200


def text(fields: Json, name: str) -> str:
    """A required short text."""
    value = fields.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_LIMIT or not value.isprintable():
        raise BadAnswer(f"the field {name!r} is missing or invalid")
    return value


def text_or_nothing(fields: Json, name: str, limit: int = TEXT_LIMIT) -> str:
    """An optional text; cut if it is longer than the limit."""
    value = fields.get(name)
    return value[:limit] if isinstance(value, str) and value.isprintable() else ""


def address(fields: Json, name: str) -> str:
    """An optional URL; empty if it is too long to store, because half a URL is useless."""
    value = text_or_nothing(fields, name, 501)
    return value if len(value) <= 500 else ""


def part(fields: Json, name: str) -> Json:
    """A nested object; empty if it is missing or null."""
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadAnswer(f"the field {name!r} is not an object")
    return value


def objects(fields: Json, name: str) -> Iterator[Json]:
    """The objects of a required list."""
    values = fields.get(name)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise BadAnswer(f"the field {name!r} is not a list of objects")
    yield from values


def money(fields: Json, name: str, currency: str = "currency") -> Money:
    """An amount like `{"value": "12.50", "currency": "EUR"}`."""
    try:
        return Money.parse(fields[name]["value"], fields[name][currency])
    except (TypeError, KeyError, ValueError) as error:
        raise BadAnswer(f"the field {name!r} is not an amount") from error


def refund_snapshot(refund: Json, statuses: Mapping[str, RefundStatus], amount: Money, reason: str) -> RefundSnapshot:
    """The answer about a refund with the fields `status` and `id`; `statuses` translates the provider's words."""
    raw_status = text(refund, "status")
    return RefundSnapshot(statuses.get(raw_status), raw_status, text(refund, "id"), amount, reason)


def utc(moment: datetime, timespec: str) -> str:
    """ISO 8601 in UTC, like 2018-07-18T10:51:18.139Z; `timespec` is the smallest unit."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
