"""Requests and their typed fields, responses, and refusals. A wrong field is refused with 422 and named."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import formatdate
from http import HTTPStatus
from typing import NoReturn
from urllib.parse import urlsplit

from billing.sandbox.payment import Json, Money

HTML = "text/html; charset=utf-8"

# Twelve digits before the point, at most three after it; no sign, no exponent, no other alphabet's digits.
AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,3})?")
CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Request:
    """One HTTP request, fully read."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Message
    body: bytes

    def json(self) -> Json:
        """The body as a JSON object; an empty body is an empty object. Refuses anything else with 400."""
        try:
            document = json.loads(self.body or b"{}")
        except (ValueError, RecursionError):
            raise Refused(400, "invalid_json", "The body is not JSON.") from None
        if not isinstance(document, dict):
            raise Refused(400, "invalid_json", "The body is not a JSON object.")
        return document


@dataclass(frozen=True)
class Response:
    """One HTTP response. `about` is the id of its payment, for the request log only; it is never sent."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    about: str | None = None

    def to_bytes(self, *, close: bool = False) -> bytes:
        """Head and body together, so that one write sends them."""
        return self.head(len(self.body), close=close) + self.body

    def head(self, length: int, *, close: bool) -> bytes:
        """Status line and headers; `length` is the Content-Length, in bytes."""
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Date: {formatdate(usegmt=True)}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {length}",
            *(f"{name}: {value}" for name, value in self.headers),
            *(["Connection: close"] if close else []),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Refused(Exception):
    """The request is refused: an HTTP status, a code and the field's name for programs, a sentence for people."""

    def __init__(self, status: int, code: str, message: str, parameter: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.parameter = status, code, message, parameter

    def answer(self) -> Response:
        error = {"code": self.code, "message": self.message}
        return json_answer(self.status, {"error": error | ({"parameter": self.parameter} if self.parameter else {})})


def json_answer(status: int, document: Json, about: str | None = None) -> Response:
    return Response(status, json.dumps(document).encode(), about=about)


def read_text(source: Json, field: str, longest: int, *, required: bool = False) -> str:
    """A text of at most `longest` characters; empty if it is missing."""
    value = source.get(field, "")
    # JSON can contain half a surrogate pair, which no page could show.
    if not isinstance(value, str) or len(value) > longest or any("\ud800" <= each <= "\udfff" for each in value):
        refuse(field, f"must be a text of at most {longest} characters")
    if required and not value:
        refuse(field, "must not be empty")
    return str(value)


def read_money(source: Json) -> Money:
    document = source.get("amount")
    if not isinstance(document, dict):
        refuse("amount", "must be an object with value and currency")
    value, currency = document.get("value"), document.get("currency")
    if not isinstance(value, str) or not AMOUNT.fullmatch(value) or not Money(value, "").decimal:
        refuse("amount.value", "must be a positive decimal text with at most 3 decimals")
    if not isinstance(currency, str) or not CURRENCY.fullmatch(currency):
        refuse("amount.currency", "must be 3 capital letters")
    return Money(value, currency)


def read_url(source: Json, field: str) -> str:
    """An http(s) address of printable ASCII, fit for a header; or empty."""
    value = read_text(source, field, 2000)
    if value and not is_web_address(value):
        refuse(field, "must be an http or https address")
    return value


def read_number(source: Json, field: str, default: float, least: float, most: float) -> float:
    value = source.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        refuse(field, f"must be a number from {least:g} to {most:g}")
    return float(value)


def read_count(source: Json, field: str) -> int | None:
    """A whole number of 1 or more; None if it is null or missing."""
    value = source.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        refuse(field, "must be a whole number of 1 or more")
    return int(value)


def read_flag(source: Json, field: str) -> bool:
    value = source.get(field, False)
    if not isinstance(value, bool):
        refuse(field, "must be true or false")
    return bool(value)


def read_choice(source: Json, field: str, choices: tuple[str, ...]) -> str:
    value = source.get(field)
    if value not in choices:
        refuse(field, f"must be one of {', '.join(choices)}")
    return str(value)


def read_moment(source: Json, field: str) -> datetime | None:
    """An ISO 8601 time, in UTC if it has no offset. A plus that a query string made a blank is restored."""
    if not (value := source.get(field)):
        return None
    try:
        moment = datetime.fromisoformat(str(value).replace(" ", "+"))
    except ValueError:
        refuse(field, "must be an ISO 8601 time")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def refuse(field: str, complaint: str) -> NoReturn:
    raise Refused(422, "invalid_request", f"{field} {complaint}.", field)


def is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        plain = value.isascii() and value.isprintable() and " " not in value
        return bool(parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and plain)
    except ValueError:
        return False
