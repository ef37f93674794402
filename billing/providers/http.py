"""The HTTP client that all providers share.

Pooled connections, one deadline for the whole call, a bounded answer, no redirects, no hidden retries, no proxies from
the environment. The `timeout` of requests does not limit a call: it starts again with every byte, so a slow peer held a
call with `timeout=1` for 6 s. Here every read from the socket gets only the time that is left.
"""

import base64
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util.ssl_ import create_urllib3_context

from billing.errors import (
    BadAnswer,
    DeadlinePassed,
    NotFound,
    Refused,
    StoredFailure,
    Unavailable,
    Unreachable,
    WrongCredentials,
)
from billing.limits.rate import Pace
from billing.providers.base import Account

CHUNK_BYTES = 65_536

LONGEST_ANSWER_BYTES = 1_000_000
"""Limit for one answer. A page of 100 payments has some 200 kB."""

_WORD = re.compile(r"\w+", re.ASCII)
_PARAMETER = re.compile(r"[\w.\[\]/]{1,64}", re.ASCII)

Headers = Mapping[str, str]
NO_HEADERS: Headers = MappingProxyType({})


@dataclass(frozen=True)
class Complaint:
    """An error answer of a provider, in our terms."""

    code: str = ""
    """The provider's short code, never its text: that may quote our request."""
    retry_after_s: float | None = None
    undecided: bool = False
    """A 4xx that is not definite: the same request may be repeated."""
    stored: bool = False
    """A 5xx that is stored under our idempotency key: repeating the request returns it again."""
    parameter: str = ""
    """The field of our request that the provider complains about."""


def read_complaint(status: int, headers: Mapping[str, str], body: dict[str, Any]) -> Complaint:
    """`{"error": {"code": …, "parameter": …}}`, and the header Retry-After."""
    error = body.get("error")
    told = error if isinstance(error, dict) else {}
    return Complaint(word(told.get("code")), retry_after_s(headers), parameter=parameter(told.get("parameter")))


class ProviderClient:
    """Calls one account's API. Safe to share between threads.

    Every call ends within `PAYMENT_API_TIMEOUT_S`, with a JSON object or a ProviderError. At the account's rate limit
    it starts a little later, or raises NotNow (`billing.limits.rate`).
    """

    def __init__(
        self,
        account: Account,
        headers: dict[str, str],
        read_complaint: Callable[[int, Mapping[str, str], dict[str, Any]], Complaint] = read_complaint,
        key_header: str = "Idempotency-Key",
    ) -> None:
        self._base_url = account.options["url"]
        self._pace = Pace(account.name)
        self._read_complaint, self._key_header = read_complaint, key_header
        self._headers = {"Accept": "application/json", "User-Agent": "Tillkeeper", **headers}
        self._adapter = _DeadlineAdapter(pool_maxsize=settings.PAYMENT_CHECK_CONCURRENCY, max_retries=0)

    def get(self, path: str, query: Mapping[str, str] | None = None, headers: Headers = NO_HEADERS) -> dict[str, Any]:
        return self._call("GET", path, headers, params=query)

    def post(
        self, path: str, body: dict[str, Any] | None, key: str = "", headers: Headers = NO_HEADERS
    ) -> dict[str, Any]:
        """POST an object as JSON, or an empty body if `body` is None; `key` is the idempotency key, if any."""
        return self._call("POST", path, headers, key, json=body)

    def post_form(
        self, path: str, fields: Mapping[str, Any], key: str = "", headers: Headers = NO_HEADERS
    ) -> dict[str, Any]:
        """POST a form of texts and numbers; nested fields are written `outer[inner]`, those of a list `outer[0]`."""
        return self._call("POST", path, headers, key, data=_flat(fields))

    def _call(self, method: str, path: str, headers: Headers, key: str = "", **content: Any) -> dict[str, Any]:
        keyed = {**headers, self._key_header: key} if key else headers
        request = requests.Request(method, self._base_url + path, {**self._headers, **keyed}, **content)
        self._pace.wait()
        try:
            with _deadline(settings.PAYMENT_API_TIMEOUT_S):
                status, answered, body = self._exchange(request.prepare())
        except (TimeoutError, requests.Timeout, ReadTimeoutError) as error:
            raise DeadlinePassed(f"no whole answer within {settings.PAYMENT_API_TIMEOUT_S:g} s") from error
        except (requests.RequestException, HTTPError, OSError) as error:
            raise Unreachable(f"no connection, or it broke ({type(error).__name__})") from error
        if not 200 <= status < 300:
            self._raise(status, answered, body)
        return read_json(body)

    def _raise(self, status: int, headers: Mapping[str, str], body: bytes) -> NoReturn:
        """After 408, 425, 429 and 5xx the outcome is unknown; any other 4xx is a refusal, unless it says otherwise."""
        try:
            complaint = self._read_complaint(status, headers, read_json(body))
        except BadAnswer:
            complaint = Complaint(retry_after_s=retry_after_s(headers))
        text = " ".join(filter(None, [f"HTTP {status}", complaint.code, complaint.parameter]))
        if status >= 500 or status in (408, 425, 429) or complaint.undecided:
            raise (StoredFailure if complaint.stored else Unavailable)(text, complaint.retry_after_s)
        if status < 400:
            raise BadAnswer(f"HTTP {status}: redirects are not followed")
        refusal = {401: WrongCredentials, 403: WrongCredentials, 404: NotFound}.get(status, Refused)(text)
        refusal.code = complaint.code
        raise refusal

    def _exchange(self, request: requests.PreparedRequest) -> tuple[int, Any, bytes]:
        """Send through the adapter itself: a Session would follow redirects and read the environment."""
        proxy = settings.PAYMENT_API_PROXY
        response = self._adapter.send(
            request, stream=True, timeout=_time_left(), proxies={"http": proxy, "https": proxy} if proxy else {}
        )
        try:
            body = _read_bounded(response)
        except BaseException:
            response.raw.close()  # a connection with half an answer in it must not go back into the pool
            raise
        response.raw.release_conn()
        return response.status_code, response.headers, body


def read_json(body: bytes) -> dict[str, Any]:
    """Read a JSON object. Raises BadAnswer for anything else, without the body: it may hold personal data."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise BadAnswer(f"a body of {len(body)} bytes is not JSON") from None
    if not isinstance(value, dict):
        raise BadAnswer("the JSON is not an object")
    return value


def _read_bounded(response: requests.Response) -> bytes:
    parts, length = [], 0
    for part in response.raw.stream(CHUNK_BYTES, decode_content=False):
        length += len(part)
        if length > LONGEST_ANSWER_BYTES:
            raise BadAnswer(f"the answer is longer than {LONGEST_ANSWER_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def word(value: object) -> str:
    """A provider's short code; empty if it does not look like one."""
    return value[:64] if isinstance(value, str) and _WORD.fullmatch(value) else ""


def parameter(value: object) -> str:
    """The name of a field, like `receipt.items` or `line_items[0][quantity]`; empty if it does not look like one."""
    return value if isinstance(value, str) and _PARAMETER.fullmatch(value) else ""


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The Retry-After header in seconds; its date form is ignored, because it depends on the provider's clock."""
    value = headers.get("Retry-After", "")
    return float(value) if value.isdecimal() and len(value) < 6 else None


def basic(user: str, password: str) -> str:
    """The Authorization header for a user and a password (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _flat(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The form's names and values, in order."""
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        inner = dict(enumerate(value)) if isinstance(value, list) else value
        if isinstance(inner, Mapping):
            pairs += [
                (f"{name}[{first}]{bracket}{rest}", text)
                for key, text in _flat({str(key): each for key, each in inner.items()})
                for first, bracket, rest in [key.partition("[")]
            ]
        else:
            pairs.append((name, str(value)))
    return pairs


_call = threading.local()
"""The deadline of this thread's call."""


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """All reads of this thread from a provider inside the block must end in time."""
    _call.ends_at = time.monotonic() + seconds
    try:
        yield
    finally:
        del _call.ends_at


def _time_left() -> float:
    """Seconds until the deadline. Raises TimeoutError after it."""
    left: float = _call.ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


class _DeadlineSocket(socket.socket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_time_left())
        return super().recv_into(*args, **kwargs)


class _DeadlineTLSSocket(ssl.SSLSocket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_time_left())
        return super().recv_into(*args, **kwargs)


class _DeadlineConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        plain = super()._new_conn()
        timeout = plain.gettimeout()
        limited = _DeadlineSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        limited.settimeout(timeout)
        return limited


class _DeadlineTLSConnection(HTTPSConnection):
    def connect(self) -> None:
        self.ssl_context = self.ssl_context or create_urllib3_context()
        self.ssl_context.sslsocket_class = _DeadlineTLSSocket
        super().connect()


class _DeadlinePool(HTTPConnectionPool):
    ConnectionCls = _DeadlineConnection


class _DeadlineTLSPool(HTTPSConnectionPool):
    ConnectionCls = _DeadlineTLSConnection


class _DeadlineAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _DeadlinePool, "https": _DeadlineTLSPool}
