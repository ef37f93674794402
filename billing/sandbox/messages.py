"""Requests, responses, and the one exception for a refusal."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

Json = dict[str, Any]


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
    """The request is refused: an HTTP status, a code for programs, a sentence for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def answer(self) -> Response:
        return json_answer(self.status, {"error": {"code": self.code, "message": self.message}})


def json_answer(status: int, document: Json, about: str | None = None) -> Response:
    return Response(status, json.dumps(document).encode(), about=about)
