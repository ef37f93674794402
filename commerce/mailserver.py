"""The mail server: one connection to it for a batch of mails, and what its answers mean."""

import logging
import re
import smtplib
import threading
import time
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends import smtp

from commerce import wire
from commerce.wire import Envelope

log = logging.getLogger(__name__)

PAUSE_S = 5.0
"""So long a server that could not be reached is left alone by this process: the sweep comes as often. One thread at a
time looks whether it is back, because each look may hang until EMAIL_TIMEOUT_S."""

TROUBLES_ALLOWED = 3
"""A mail may break a connection, and the next one is sent over a new one; so many in a row are no mail's fault."""

LONGEST_MAIL_S = 5 * settings.EMAIL_TIMEOUT_S
"""On an open connection a mail needs five answers at the most: MAIL, RCPT, DATA, the one after the final dot, RSET."""


class Meaning(Enum):
    """What a failure says about the next try."""

    NEVER = "never"  # This mail will not be taken, however often it is sent.
    LATER = "later"  # This mail, or its recipient, is not taken now: a full mailbox, or greylisting.
    SERVER = "server"  # It is about the server, or the way there, and would have met any other mail.


class Unanswered(smtplib.SMTPServerDisconnected):
    """The connection broke between the end of the mail and the answer: it may have been taken, or not (RFC 1047)."""


def meaning_of(error: OSError) -> Meaning:
    """What the failure says about the mail that met it.

    At RCPT and DATA the server knows the mail, and 5xx is its last word, but for those about our login. At MAIL it
    knows only the sender, which all mails have in common, and the size.
    """
    code = code_of(error)
    if code in _ABOUT_THE_SERVER or not isinstance(error, _ABOUT_THE_MAIL):
        return Meaning.SERVER
    if isinstance(error, smtplib.SMTPSenderRefused):
        return Meaning.NEVER if code == _TOO_BIG else Meaning.SERVER
    return Meaning.NEVER if 500 <= code < 600 else Meaning.LATER


def code_of(error: OSError) -> int:
    """The server's answer, 0 if there was none. Every mail has one recipient, so there is one answer."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next((code for code, _text in error.recipients.values()), 0)
    return int(getattr(error, "smtp_code", 0))


def describe(error: OSError) -> str:
    """The kind of failure and the server's code, without its text, which may quote the recipient."""
    return f"{_WORDS.get(type(error), type(error).__name__)} {code_of(error) or ''}".strip()


_ABOUT_THE_MAIL = (smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)

_ABOUT_THE_SERVER = {421, 454, 530, 534, 535, 538}
"""It closes down (RFC 5321), or wants another login (RFC 4954)."""

_TAKEN, _FORWARDED, _GO_ON, _CLOSING, _TOO_BIG = 250, 251, 354, 421, 552

_WORDS = {
    Unanswered: "no answer after the mail was handed over",
    ConnectionRefusedError: "nobody listens",
    TimeoutError: "no answer in time",
    smtplib.SMTPConnectError: "no service",
    smtplib.SMTPAuthenticationError: "login refused",
    smtplib.SMTPServerDisconnected: "the connection broke",
    smtplib.SMTPSenderRefused: "sender refused",
    smtplib.SMTPRecipientsRefused: "recipient refused",
    smtplib.SMTPDataError: "mail refused",
}


class Client(smtplib.SMTP):
    """Sends a mail in two round trips, and tells a connection that broke after it was handed over from one before."""

    _handed_over = False

    def send_one(self, sender: str, recipient: str, mail: bytes) -> None:
        """As `sendmail`, but MAIL, RCPT and DATA go in one piece if the server takes that (PIPELINING, RFC 2920).

        Raises the same errors; the connection stays as the refused mail has left it, for the caller to reset.
        """
        self.ehlo_or_helo_if_needed()
        if not self.has_extn("pipelining"):
            self.sendmail(sender, [recipient], mail)
            return
        size = f" SIZE={len(mail)}" if self.has_extn("size") else ""
        answers = self._ask(
            f"MAIL FROM:{smtplib.quoteaddr(sender)}{size}", f"RCPT TO:{smtplib.quoteaddr(recipient)}", "DATA"
        )
        refusal = _refusal(sender, recipient, answers)
        if refusal and answers[-1][0] == _GO_ON:  # a mail for nobody is asked for, and is to be ended all the same
            self._ask(".")
        if refusal:
            raise refusal
        self.send(_with_its_end(mail))
        code, text = self.getreply()
        if code != _TAKEN:
            raise smtplib.SMTPDataError(code, text)

    def _ask(self, *commands: str) -> list[tuple[int, bytes]]:
        """The answers to commands that are sent at once, none after a 421."""
        self.send("".join(f"{command}\r\n" for command in commands))
        answers: list[tuple[int, bytes]] = []
        while len(answers) < len(commands) and not (answers and answers[-1][0] == _CLOSING):
            answers.append(self.getreply())
        return answers

    def send(self, s: Any) -> None:
        super().send(s)
        self._handed_over = isinstance(s, bytes) and s.endswith(b"\r\n.\r\n")

    def getreply(self) -> tuple[int, bytes]:
        try:
            return super().getreply()
        except smtplib.SMTPServerDisconnected as error:
            if self._handed_over:
                raise Unanswered(str(error)) from error
            raise


def _refusal(sender: str, recipient: str, answers: list[tuple[int, bytes]]) -> smtplib.SMTPException | None:
    """The first no to MAIL, RCPT and DATA; the answers after it say nothing of their own."""
    mail, *others = answers
    if mail[0] != _TAKEN:
        return smtplib.SMTPSenderRefused(*mail, sender)
    rcpt, *others = others
    if rcpt[0] not in (_TAKEN, _FORWARDED):
        return smtplib.SMTPRecipientsRefused({recipient: rcpt})
    [data] = others
    return None if data[0] == _GO_ON else smtplib.SMTPDataError(*data)


def _with_its_end(mail: bytes) -> bytes:
    """Only the last dot stands alone in its line (RFC 5321, 4.5.2)."""
    lines = re.sub(rb"(?m)^\.", b"..", mail)
    return lines + (b"" if lines.endswith(b"\r\n") else b"\r\n") + b".\r\n"


class EmailBackend(smtp.EmailBackend):
    """Django's own, with our client; letters are made into bytes in a quarter of the time."""

    connection_class = Client

    def _send(self, email_message: EmailMessage) -> bool:
        if not isinstance(email_message, Envelope):
            return bool(super()._send(email_message))  # type: ignore[misc]  # the stubs leave it out
        client: Client = self.connection  # type: ignore[assignment]
        [recipient] = email_message.to
        client.send_one(wire.sender(email_message.from_email), recipient, wire.as_bytes(email_message))
        return True


@dataclass
class Breaker:
    """Remembers, for all threads of this process, that the server could not be reached."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: bool = False
    _quiet_until: float = 0.0

    def lets_pass(self) -> bool:
        """May this thread try? While the server is away only one in a while, and the others need not wait for it."""
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


class Line:
    """A connection for a batch: opened by the first mail that needs it, anew after it broke, closed in the end."""

    def __init__(self) -> None:
        self._backend = get_connection()
        self._troubles = 0
        self.is_open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def ready(self) -> bool:
        """Is there a connection, or can one be made? If not, that is nobody's mail's fault."""
        return self.is_open or (self._troubles < TROUBLES_ALLOWED and breaker.lets_pass() and self._connect())

    def send(self, envelope: Envelope) -> None:
        """Hand over one letter; the connection must be open, and afterwards it is ready for the next, or closed.

        Raises OSError, whose meaning `meaning_of` knows, and ValueError for a mail that cannot be put together.
        """
        try:
            self._backend.send_messages([envelope])
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
            log.warning("mail.server_away", extra={"error": describe(error), "pause_s": PAUSE_S})
            return False
        breaker.reset()
        self.is_open = True
        return True

    def _tidy_up(self, error: BaseException) -> None:
        """A refused mail is taken back (RSET), so that the next can be sent over the same connection."""
        refused = isinstance(error, _ABOUT_THE_MAIL) and code_of(error) not in _ABOUT_THE_SERVER
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
            # The server is gone; there is nothing left to say goodbye to.
            self._backend.connection = None  # type: ignore[attr-defined]
