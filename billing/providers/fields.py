"""Readers for the fields of a provider's answer. A missing or invalid field is a BadAnswer."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from billing.errors import BadAnswer
from billing.money import Money
from billing.providers.base import CallbackHint, RefundSnapshot
from billing.states import RefundStatus

Json = dict[str, Any]

A = TypeVar("A")

TEXT_LIMIT = 200

# RFC 3339, with what PayPal's contract also allows (small letters, `:60`) and its reports send (`+0000`).
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-]\d\d):?(\d\d))", re.ASCII)


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


def joined(*words: str) -> str:
    """Two statuses as one, `COMPLETED/PENDING`; cut to what can be stored."""
    return "/".join(filter(None, words))[:TEXT_LIMIT]


def id_or_nothing(value: object) -> str:
    """An id, or that of the object in its place; empty if it is no id that can be stored."""
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) and len(found) <= TEXT_LIMIT and found.isprintable() else ""


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


def objects_or_none(fields: Json, name: str) -> Iterator[Json]:
    """The objects of an optional list."""
    return iter(()) if fields.get(name) is None else objects(fields, name)


def rows(page: Json, name: str, read: Callable[[Json], A | None]) -> Iterator[A | BadAnswer]:
    """What `read` makes of each row of a required list; None is left out.

    An unreadable row costs only itself: its BadAnswer stands in its place.
    """
    values = page.get(name)
    if not isinstance(values, list):
        raise BadAnswer(f"the field {name!r} is not a list")
    for value in values:
        if (found := _row(value, read)) is not None:
            yield found


def _row(value: object, read: Callable[[Json], A | None]) -> A | BadAnswer | None:
    if not isinstance(value, dict):
        return BadAnswer("a row of the list is not an object")
    try:
        return read(value)
    except BadAnswer as error:
        return error


def moment(fields: Json, name: str) -> datetime:
    """A required date and time of RFC 3339, in UTC. A leap second is read as the second before it."""
    if found := _MOMENT.fullmatch(text(fields, name)):
        day, clock, second, fraction, hours, minutes = found.groups()
        zone = f"{hours}:{minutes}" if hours else "+00:00"
        try:
            whole = f"{day}T{clock}:{second.replace('60', '59')}.{(fraction or '0')[:6]:0<6}{zone}"
            return datetime.fromisoformat(whole).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise BadAnswer(f"the field {name!r} is not a date and time with a zone")


def moment_or_none(fields: Json, name: str) -> datetime | None:
    """An optional date and time; None if it cannot be read."""
    try:
        return moment(fields, name)
    except BadAnswer:
        return None


def money(fields: Json, name: str, currency: str = "currency") -> Money:
    """An amount like `{"value": "12.50", "currency": "EUR"}`."""
    try:
        return Money.parse(fields[name]["value"], fields[name][currency])
    except (TypeError, KeyError, ValueError) as error:
        raise BadAnswer(f"the field {name!r} is not an amount") from error


def refund_snapshot(
    provider_ref: str, refund: Json, statuses: Mapping[str, RefundStatus], amount: Money, reason: str
) -> RefundSnapshot:
    """The answer about a refund with the field `status`; `statuses` translates the provider's words.

    A status that is null says nothing: it is unknown.
    """
    raw_status = "null" if refund.get("status") is None else text(refund, "status")
    return RefundSnapshot(statuses.get(raw_status), raw_status, provider_ref, amount, reason)


def callback_hint(ids: Iterable[str], reference: str, event: str) -> CallbackHint:
    """The ids that are there, each once. Raises BadAnswer if the callback names nothing at all."""
    refs = tuple(dict.fromkeys(filter(None, ids)))
    if not refs and not reference:
        raise BadAnswer("the callback names no payment")
    return CallbackHint(refs, reference, event)


def utc(moment: datetime, timespec: str) -> str:
    """ISO 8601 in UTC, like 2018-07-18T10:51:18.139Z; `timespec` is the smallest unit."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
