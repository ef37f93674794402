"""Visitors with a session each, and one request of theirs."""

import http.client
import shlex
import threading
import time
from dataclasses import dataclass, field
from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connections

from tests.fuzz.rows import user
from tests.stack.ports import LOOPBACK

TOKEN = "a" * 32
PATIENCE_S = 60.0

LONGEST_BODY = 20_000
"""Bytes of a body that a curl command shows."""


@dataclass
class Request:
    """What is sent, byte for byte."""

    role: str
    method: str
    path: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def curl(self, port: int) -> str:
        """The same request as a command; the session in it lasts as long as the shop."""
        words = ["curl", "-i", "--path-as-is", "-X", self.method, f"http://{LOOPBACK}:{port}{self.path}"]
        for name, value in self.headers:
            words += ["-H", f"{name}: {value}"]
        body = "".join(f"\\x{byte:02x}" for byte in self.body[:LONGEST_BODY])
        return shlex.join(words) + (f" --data-binary $'{body}'" if body else "")


@dataclass(frozen=True)
class Answer:
    """What came back; status 0: nothing."""

    status: int
    seconds: float
    location: str = ""
    body: str = ""

    @property
    def refuses_permission(self) -> bool:
        return self.status in (401, 403) or "/login/?next=" in self.location


class Visitors:
    """Sessions by role. One that a request has ended is replaced."""

    def __init__(self, port: int) -> None:
        self.port, self._sessions, self._lock = port, dict[str, str](), threading.Lock()

    def cookies(self, role: str) -> str:
        """The header of a visitor that is logged in, and whose forms are accepted."""
        token = f"{settings.CSRF_COOKIE_NAME}={TOKEN}"
        return token if role == "anonymous" else f"{token}; {settings.SESSION_COOKIE_NAME}={self._session(role)}"

    def renew(self, role: str) -> None:
        """Forget the session: somebody has logged out, or lost their rights."""
        with self._lock:
            self._sessions.pop(role, None)

    def _session(self, role: str) -> str:
        with self._lock:
            if role not in self._sessions:
                self._sessions[role] = _session_of(role)
            return self._sessions[role]

    def send(self, request: Request) -> Answer:
        """Over a connection of its own."""
        started = time.perf_counter()
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=PATIENCE_S)
        try:
            status, location, body = _exchange(connection, request)
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, time.perf_counter() - started, body=repr(error))
        finally:
            connection.close()
        return Answer(status, time.perf_counter() - started, location, body)


def _exchange(connection: http.client.HTTPConnection, request: Request) -> tuple[int, str, str]:
    connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers:
        connection.putheader(name, value.encode("latin-1", "replace"))
    connection.endheaders(request.body or None)
    answer = connection.getresponse()
    body = answer.read(400_000).decode(errors="replace")
    return answer.status, answer.getheader("Location") or "", body


BACKEND = "django.contrib.auth.backends.ModelBackend"


def _session_of(role: str) -> str:
    found, store = user(role), import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY], store[BACKEND_SESSION_KEY] = str(found.pk), BACKEND
    store[HASH_SESSION_KEY] = found.get_session_auth_hash()
    store.save()
    connections.close_all()
    return str(store.session_key)
