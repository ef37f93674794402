"""An SMTP client, and the meaning of the server's replies for a mail."""

import hmac
import re
import smtplib
from base64 import b64decode, b64encode
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

from commerce.mail import mime
from commerce.mail.message import Message
from config.errors.scrubbing import HIDDEN, MAX_CHARS, scrubbed
from config.formats import printable
from config.hosts import is_address
from config.mail_address import is_control

LONGEST_MAIL_S = 6 * settings.EMAIL_TIMEOUT_S
"""On an open connection a mail waits for up to five replies: MAIL, RCPT, DATA, after the final dot, RSET. A connection
that the server has closed since the last mail is replaced before, within one timeout more."""

CHALLENGES_ALLOWED = 5
"""A login takes up to two; a server that asks on is not waited for."""


class Meaning(Enum):
    """What a failure says about a retry."""

    NEVER = "never"  # This mail will never be accepted.
    LATER = "later"  # This mail, or its recipient, is not accepted now: a full mailbox, or greylisting.
    SERVER = "server"  # The server or the network failed. Any other mail would have failed too.


class Unanswered(smtplib.SMTPServerDisconnected):
    """The connection broke between the end of the mail and the reply: it may have been accepted (RFC 1047)."""


def meaning_of(error: OSError) -> Meaning:
    """Classify a failure by its stage and the server's codes.

    4xx at RCPT and DATA is about this mail, now. 5xx is final only where it is about this mail (`_is_about_the_mail`):
    all mails have the same server, login and sender, so a refusal of these must give up none. A full mailbox has room
    again some day.
    """
    code, status = code_of(error), status_of(error)
    if code in ABOUT_THE_SERVER or not isinstance(error, ABOUT_THE_MAIL):
        return Meaning.SERVER
    at_mail = isinstance(error, smtplib.SMTPSenderRefused)
    if not is_final(error) or status[1:] == _FULL_MAILBOX:
        return Meaning.SERVER if at_mail else Meaning.LATER
    return Meaning.NEVER if _is_about_the_mail(code, *status[1:], at_mail=at_mail) else Meaning.SERVER


def is_final(error: OSError) -> bool:
    """True if the server has refused this mail and wants no repetition: 5xx, unless the enhanced code is 4.x.x."""
    return isinstance(error, ABOUT_THE_MAIL) and 500 <= code_of(error) < 600 and status_of(error)[0] != _TEMPORARY


def _is_about_the_mail(code: int, subject: int, detail: int, *, at_mail: bool) -> bool:
    """Of a final refusal. At MAIL the server knows only the size and the sender.

    Addresses (x.1), mailboxes (x.2) and content (x.6) are the mail's. The system (x.3), routes and quotas (x.4), the
    protocol (x.5) and policy (x.7) are the server's, or are about us (RFC 3463).
    """
    if not subject:
        return code == _TOO_BIG if at_mail else code not in _ABOUT_COMMANDS
    if at_mail or (subject, detail) == _TOO_BIG_FOR_SYSTEM:
        return (subject, detail) in (_TOO_BIG_FOR_SYSTEM, _TOO_BIG_FOR_MAILBOX)
    return subject in (1, 2, 6) and (subject, detail) not in _ABOUT_THE_SENDER


def code_of(error: OSError) -> int:
    """The reply code, 0 without a reply."""
    return _reply(error)[0]


def status_of(error: OSError) -> tuple[int, int, int]:
    """The enhanced status code (RFC 3463): class, subject and detail; zeros without one."""
    found = _STATUS.match(_reply(error)[1])
    return (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)


def describe(error: OSError, recipient: str = "") -> str:
    """The kind of failure, the reply code, and the server's words with its enhanced code, without the recipient."""
    code, text = _reply(error)
    words = re.sub(rf"\s*\n(?:{_STATUS.pattern})?\s*", " ", text)
    for hidden in (recipient, recipient.rpartition("@")[0]):
        # a shorter one would also hide innocent words
        if len(hidden) >= MIN_HIDDEN_CHARS:
            words = re.sub(rf"(?<!\w){re.escape(hidden)}(?!\w)", HIDDEN, words, flags=re.IGNORECASE)
    kind = _DESCRIPTIONS.get(type(error), type(error).__name__)
    status = found[0] if (found := _STATUS.match(words)) else ""  # the sentence begins after it
    told = (kind, str(code or ""), status, scrubbed(words.removeprefix(status)))
    return printable(" ".join(filter(None, told)))[:MAX_CHARS]


def _reply(error: OSError) -> tuple[int, str]:
    """The server's code and words. Every mail has one recipient, so there is only one reply."""
    code, text = getattr(error, "smtp_code", 0), getattr(error, "smtp_error", "")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()), (0, ""))
    return int(code), text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def hung_up_before_the_mail(error: OSError) -> bool:
    """True if the server closed the connection, or said 421, before the mail was handed over: it cannot have it."""
    if isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPRecipientsRefused):
        return code_of(error) == _CLOSING
    return isinstance(error, smtplib.SMTPServerDisconnected) and not isinstance(error, Unanswered)


ABOUT_THE_MAIL = (smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)

ABOUT_THE_SERVER = {421, 454, 530, 534, 535, 538}
"""The server shuts down (RFC 5321), or refuses our login (RFC 4954)."""

_ABOUT_COMMANDS = {500, 501, 502, 503, 504, 555}
"""The server did not understand us (RFC 5321, 4.2.2). Our commands are the same for every mail."""

_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\S)")
_TEMPORARY = 4
_FULL_MAILBOX, _TOO_BIG_FOR_MAILBOX, _TOO_BIG_FOR_SYSTEM = (2, 2), (2, 3), (3, 4)
_ABOUT_THE_SENDER = ((1, 7), (1, 8))
"""The sender's address is malformed, or its domain does not exist."""

MIN_HIDDEN_CHARS = 3

_ACCEPTED, _FORWARDED, _START_INPUT, _CLOSING, _TOO_BIG = 250, 251, 354, 421, 552
_LOGGED_IN, _CHALLENGE, _LOGGED_IN_BEFORE = 235, 334, 503

_DESCRIPTIONS = {
    Unanswered: "no answer after the mail was handed over",
    ConnectionRefusedError: "connection refused",
    TimeoutError: "no answer in time",
    smtplib.SMTPConnectError: "no service",
    smtplib.SMTPAuthenticationError: "login refused",
    smtplib.SMTPServerDisconnected: "the connection broke",
    smtplib.SMTPSenderRefused: "sender refused",
    smtplib.SMTPRecipientsRefused: "recipient refused",
    smtplib.SMTPDataError: "mail refused",
}


class Client(smtplib.SMTP):
    """Sends a mail in two round trips, and tells a connection that broke before the handover from one after it.

    Plain smtplib takes four round trips. With a mail server on the same host a worker then reaches 44 % of a bare loop
    instead of 51 % (medians of 5 rounds; `python -m tests.bench --only mail`). A more distant server costs more.
    """

    _handed_over = False

    def __init__(self, *args: Any, **options: Any) -> None:
        if settings.EMAIL_HELO_NAME:
            options["local_hostname"] = _in_a_greeting(settings.EMAIL_HELO_NAME)
        super().__init__(*args, **options)

    def login(self, user: str, password: str, *, initial_response_ok: bool = True) -> tuple[int, bytes]:
        """Log in with a password, or with an OAuth 2 token if the settings say so."""
        if not settings.EMAIL_OAUTH2_TOKEN:
            return super().login(user, password, initial_response_ok=initial_response_ok)
        self.ehlo_or_helo_if_needed()
        words = f"user={user}\1auth=Bearer {password}\1\1"
        # A challenge explains the refusal. An empty response ends the exchange.
        return self.auth("XOAUTH2", lambda challenge=None: words if challenge is None else "")

    def auth(
        self, mechanism: str, authobject: Callable[..., str | None], *, initial_response_ok: bool = True
    ) -> tuple[int, bytes]:
        """Like smtplib's, but in UTF-8 (RFC 4616): smtplib raises UnicodeEncodeError for a password beyond ASCII."""
        first = authobject() if initial_response_ok else None
        self._auth_challenge_count = int(first is not None)  # auth_login of smtplib reads it
        code, text = self.docmd("AUTH", mechanism if first is None else f"{mechanism} {_in_base64(first)}")
        while code == _CHALLENGE and self._auth_challenge_count < CHALLENGES_ALLOWED:
            self._auth_challenge_count += 1
            code, text = self.docmd(_in_base64(authobject(b64decode(text)) or ""))
        if code not in (_LOGGED_IN, _LOGGED_IN_BEFORE):
            raise smtplib.SMTPAuthenticationError(code, text)
        return code, text

    def auth_cram_md5(self, challenge: bytes | None = None) -> str | None:  # type: ignore[override]  # as smtplib does
        """The password in UTF-8."""
        if challenge is None:
            return None
        return f"{self.user} {hmac.new(self.password.encode(), challenge, 'md5').hexdigest()}"

    def send_one(self, sender: str, recipient: str, mail: bytes) -> None:
        """Like `sendmail`, but sends MAIL, RCPT and DATA at once if the server allows it (PIPELINING, RFC 2920).

        Raises the same errors, and ValueError for an address that would be a command of its own: Python 3.14 quotes
        it no more. After a refusal the caller resets the connection.
        """
        if any(map(is_control, sender + recipient)):
            raise ValueError("an address has a line break or a control character")
        self.ehlo_or_helo_if_needed()
        if not self.has_extn("pipelining"):
            self.sendmail(sender, [recipient], mail)
            return
        size = f" SIZE={len(mail)}" if self.has_extn("size") else ""
        answers = self._ask(
            f"MAIL FROM:{smtplib.quoteaddr(sender)}{size}", f"RCPT TO:{smtplib.quoteaddr(recipient)}", "DATA"
        )
        refusal = _refusal(sender, recipient, answers)
        if refusal and answers[-1][0] == _START_INPUT:  # the server waits for a mail without recipients: end it
            self._ask(".")
        if refusal:
            raise refusal
        self.send(_dot_stuffed(mail))
        code, text = self.getreply()
        if code != _ACCEPTED:
            raise smtplib.SMTPDataError(code, text)

    def _ask(self, *commands: str) -> list[tuple[int, bytes]]:
        """Send commands at once; returns the replies, none after a 421."""
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
    """The first refusal of MAIL, RCPT or DATA; the replies after it only follow from it."""
    mail, *others = answers
    if mail[0] != _ACCEPTED:
        return smtplib.SMTPSenderRefused(*mail, sender)
    rcpt, *others = others
    if rcpt[0] not in (_ACCEPTED, _FORWARDED):
        return smtplib.SMTPRecipientsRefused({recipient: rcpt})
    [data] = others
    return None if data[0] == _START_INPUT else smtplib.SMTPDataError(*data)


def _dot_stuffed(mail: bytes) -> bytes:
    """The mail with its end: only the last dot is alone in its line (RFC 5321, 4.5.2)."""
    lines = re.sub(rb"(?m)^\.", b"..", mail)
    return lines + (b"" if lines.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def _in_a_greeting(host: str) -> str:
    """An IP address as a literal (RFC 5321, 4.1.3): a server would take a bare one for a name that does not exist."""
    if not is_address(host):
        return host
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"


def _in_base64(text: str) -> str:
    return b64encode(text.encode()).decode()


class SecureClient(Client, smtplib.SMTP_SSL):
    """The same with TLS from the first byte (RFC 8314)."""


class EmailBackend(smtp.EmailBackend):
    """Django's backend with our client, and with our serializer for queued mails."""

    @property
    def connection_class(self) -> type[Client]:
        """With implicit TLS or without."""
        return SecureClient if self.use_ssl else Client

    def open(self) -> bool | None:
        """Raises OSError, also where Python's libraries raise ValueError: for a host name that cannot be encoded, a
        challenge that is not base64, or a digest that the machine forbids."""
        try:
            if settings.EMAIL_OAUTH2_TOKEN:
                self.password = _oauth2_token()
            return super().open()
        except ValueError as error:
            raise OSError(f"{type(error).__name__} when connecting to the mail server") from error

    def _send(self, email_message: EmailMessage) -> bool:
        if not isinstance(email_message, Message):
            return bool(super()._send(email_message))  # type: ignore[misc]  # missing in the stubs
        client: Client = self.connection  # type: ignore[assignment]
        [recipient] = email_message.to
        client.send_one(mime.sender(email_message.from_email), recipient, mime.as_bytes(email_message))
        return True


def _oauth2_token() -> str:
    """The present token: it is valid for an hour or so, and the tool that renews it replaces the file."""
    path = settings.EMAIL_OAUTH2_TOKEN_FILE
    return Path(path).read_text(encoding="utf-8").strip() if path else str(settings.EMAIL_OAUTH2_TOKEN)
