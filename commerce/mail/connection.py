"""A connection to the mail server for a batch of mails, and a breaker for the time that the server is away."""

import logging
import smtplib
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from django.conf import settings
from django.core.mail import get_connection

from commerce.mail import smtp
from commerce.mail.message import Message

log = logging.getLogger(__name__)

PAUSE_S = 5.0
"""This process leaves a server that is away alone for this long: the sweep comes as often. Then one thread at a time
tries it, because each attempt may hang until EMAIL_TIMEOUT_S."""

TROUBLES_ALLOWED = 3
"""A mail may break a connection, and the next is sent over a new one. This many in a row are not the mails' fault."""


@dataclass
class Breaker:
    """Remembers, for all threads of this process, that the server is away."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: bool = False
    _quiet_until: float = 0.0

    def lets_pass(self) -> bool:
        """May this thread try? While the server is away, one thread may after each pause; the others do not wait."""
        with self._lock:
            if time.monotonic() < self._quiet_until:
                return False
            if self._open:
                self._quiet_until = time.monotonic() + settings.EMAIL_TIMEOUT_S + PAUSE_S
            return True

    def trip(self) -> None:
        """The server cannot be reached."""
        with self._lock:
            self._open, self._quiet_until = True, time.monotonic() + PAUSE_S

    def reset(self) -> None:
        """The server is there."""
        with self._lock:
            self._open, self._quiet_until = False, 0.0


breaker = Breaker()


class Connection:
    """One connection for a batch. The first mail opens it; after it broke, the next mail opens it anew."""

    def __init__(self) -> None:
        self._backend = get_connection()
        self._troubles = 0
        self.is_open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def ready(self) -> bool:
        """Is there a connection, or can one be made? A no says nothing about the mails."""
        return self.is_open or (self._troubles < TROUBLES_ALLOWED and breaker.lets_pass() and self._connect())

    def send(self, message: Message) -> None:
        """Hand over one mail. The connection must be open; afterwards it is ready for the next mail, or closed.

        Raises OSError (`smtp.meaning_of` knows its meaning), and ValueError for a mail that cannot be put together.
        """
        try:
            self._backend.send_messages([message])
        except BaseException as error:
            self._tidy_up(error)
            raise
        self._troubles = 0

    def _connect(self) -> bool:
        try:
            self._backend.open()
        except OSError as error:
            breaker.trip()
            self._close()
            log.warning("mail.server_away", extra={"error": smtp.describe(error), "pause_s": PAUSE_S})
            return False
        breaker.reset()
        self.is_open = True
        return True

    def _tidy_up(self, error: BaseException) -> None:
        """A refused mail is taken back (RSET), so that the next can be sent over the same connection."""
        refused = isinstance(error, smtp.ABOUT_THE_MAIL) and smtp.code_of(error) not in smtp.ABOUT_THE_SERVER
        if refused and self._reset():
            self._troubles = self._troubles + 1 if isinstance(error, smtplib.SMTPSenderRefused) else 0
        else:
            self._troubles += 1
            self._close()
        if self._troubles >= TROUBLES_ALLOWED:
            breaker.trip()
            self._close()

    def _reset(self) -> bool:
        client = getattr(self._backend, "connection", None)
        try:
            return client is not None and client.rset()[0] == 250
        except OSError:
            return False

    def _close(self) -> None:
        self.is_open = False
        try:
            self._backend.close()
        except OSError:
            # The server is gone, and needs no goodbye.
            self._backend.connection = None  # type: ignore[attr-defined]
