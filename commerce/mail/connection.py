"""A connection to the mail server for a batch of mails, and a breaker for when the server is unreachable.

The breaker also knows since when the server does not answer, and why. Each worker's heartbeat tells it to the doctor.
"""

import logging
import threading
import time
from dataclasses import dataclass, field

from django.conf import settings
from django.core.mail import get_connection

from commerce.mail import smtp
from commerce.mail.message import Message
from commerce.mail.smtp import Meaning

log = logging.getLogger(__name__)

PAUSE_S = 5.0
"""Pause after a failed connection; the sweep's interval. Then one thread at a time tries, because each attempt may hang
for EMAIL_TIMEOUT_S."""

FAILURES_ALLOWED = 3
"""One mail may break a connection; the next mail gets a new one. This many failures in a row are the server's fault."""


@dataclass(frozen=True)
class Outage:
    """The server has not answered since `began`; `failed` is the last attempt. Both by the monotonic clock."""

    began: float
    failed: float
    error: str


@dataclass
class Breaker:
    """Stops all threads of this process from trying an unreachable server."""

    outage: Outage | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: bool = False
    _quiet_until: float = 0.0

    def allows(self) -> bool:
        """True if this thread may try. While the breaker is open, one thread may after each pause; no thread waits."""
        with self._lock:
            if time.monotonic() < self._quiet_until:
                return False
            if self._open:
                self._quiet_until = time.monotonic() + settings.EMAIL_TIMEOUT_S + PAUSE_S
            return True

    def trip(self, error: str = "") -> None:
        """Open the breaker: the server is unreachable, for this reason; without one it answers and refuses mails."""
        with self._lock:
            now = time.monotonic()
            self._open, self._quiet_until = True, now + PAUSE_S
            if error:
                self.outage = Outage(self.outage.began if self.outage else now, now, error)

    def reset(self) -> None:
        """Close the breaker: a connection is open, so all threads may try."""
        with self._lock:
            self._open, self._quiet_until = False, 0.0

    def answered(self) -> None:
        """The server has replied to a mail, so an outage is over. An open connection alone does not say so."""
        with self._lock:
            self.outage = None


breaker = Breaker()


class Connection:
    """One connection for a batch. The first mail opens it; after a break, the next mail reopens it."""

    def __init__(self) -> None:
        self._backend = get_connection()
        self._failures = 0
        self._used = False
        self.is_open = False

    def ready(self) -> bool:
        """True if the connection is open or could be opened. False says nothing about the mails."""
        return self.is_open or (self._failures < FAILURES_ALLOWED and breaker.allows() and self._connect())

    def send(self, message: Message) -> None:
        """Hand over one mail. The connection must be open; afterwards it is ready for the next mail, or closed.

        Raises OSError (`smtp.meaning_of` classifies it), and ValueError for a mail that cannot be serialized.
        """
        try:
            self._send(message)
        except BaseException as error:
            self._recover(error)
            raise
        breaker.answered()
        self._failures, self._used = 0, True

    def _send(self, message: Message) -> None:
        """A server may take one mail per connection, or close one after a while: the next mail gets a new one.

        The lease covers one timeout for this. After a longer reconnect the mail is put off, as it may be claimed again.
        """
        begun = time.monotonic()
        try:
            self._backend.send_messages([message])
        except OSError as error:
            if not (self._used and smtp.hung_up_before_the_mail(error)):
                raise
            self.close()
            if not self._connect() or time.monotonic() - begun > settings.EMAIL_TIMEOUT_S:
                raise
            self._backend.send_messages([message])

    def close(self) -> None:
        """Sends QUIT, if the server is still there."""
        self.is_open = False
        try:
            self._backend.close()
        except OSError:
            # The server is gone; QUIT is not needed.
            self._backend.connection = None  # type: ignore[attr-defined]

    def pause(self, error: str = "") -> None:
        """The server refuses every mail, or breaks every connection with this error: close; all threads wait."""
        breaker.trip(error)
        self.close()

    def _connect(self) -> bool:
        try:
            self._backend.open()
        except OSError as error:
            why = smtp.describe(error)
            breaker.trip(why)
            self.close()
            log.warning("mail.server_away", extra={"error": why, "pause_s": PAUSE_S})
            return False
        breaker.reset()
        self.is_open, self._used = True, False
        return True

    def _recover(self, error: BaseException) -> None:
        """Reset (RSET) after a refused mail, so that the connection can send the next one; close it otherwise."""
        refused = error if isinstance(error, smtp.ABOUT_THE_MAIL) else None
        broken = ""
        if refused and smtp.code_of(refused) not in smtp.ABOUT_THE_SERVER and self._reset():
            breaker.answered()
            self._failures = self._failures + 1 if smtp.meaning_of(refused) == Meaning.SERVER else 0
        else:
            broken = smtp.describe(error) if isinstance(error, OSError) else ""
            self._failures += 1
            self.close()
        if self._failures >= FAILURES_ALLOWED:
            self.pause(broken)

    def _reset(self) -> bool:
        client = getattr(self._backend, "connection", None)
        try:
            return client is not None and client.rset()[0] == 250
        except OSError:
            return False
