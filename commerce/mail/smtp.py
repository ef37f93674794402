"""The mail server: our side of its protocol, and what its answers mean for a mail."""

import re
import smtplib
from enum import Enum
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

from commerce.mail import mime
from commerce.mail.message import Message

LONGEST_MAIL_S = 5 * settings.EMAIL_TIMEOUT_S
"""On an open connection a mail waits for five answers or fewer: MAIL, RCPT, DATA, after the final dot, RSET."""


class Meaning(Enum):
    """What a failure says about the next try."""

    NEVER = "never"  # This mail will never be taken.
    LATER = "later"  # This mail, or its recipient, is not taken now: a full mailbox, or greylisting.
    SERVER = "server"  # It is about the server or the way there. Any other mail would have failed too.


class Unanswered(smtplib.SMTPServerDisconnected):
    """The connection broke between the end of the mail and the answer: it may have been taken, or not (RFC 1047)."""


def meaning_of(error: OSError) -> Meaning:
    """What the failure says about the mail that met it.

    At RCPT and DATA the server knows the mail, and a 5xx is final unless it is about our login. At MAIL the server
    knows only the size and the sender, and all mails have the same sender.
    """
    code = code_of(error)
    if code in ABOUT_THE_SERVER or not isinstance(error, ABOUT_THE_MAIL):
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


ABOUT_THE_MAIL = (smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)

ABOUT_THE_SERVER = {421, 454, 530, 534, 535, 538}
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
    """Sends a mail in two round trips, and knows whether a connection broke before or after the mail was handed over.

    Plain smtplib takes four round trips. With a mail server on the same host a worker then reaches 44 % of a bare loop
    instead of 51 % (medians of 6 rounds on a busy machine). The further away the server is, the more it costs.
    """

    _handed_over = False

    def send_one(self, sender: str, recipient: str, mail: bytes) -> None:
        """As `sendmail`, but MAIL, RCPT and DATA go in one piece if the server takes that (PIPELINING, RFC 2920).

        Raises the same errors. After a refusal the caller resets the connection.
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
        if refusal and answers[-1][0] == _GO_ON:  # the server waits for a mail to no one: end it
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
    """Django's own, with our client, and with our writer for the mails of the queue."""

    connection_class = Client

    def _send(self, email_message: EmailMessage) -> bool:
        if not isinstance(email_message, Message):
            return bool(super()._send(email_message))  # type: ignore[misc]  # the stubs leave it out
        client: Client = self.connection  # type: ignore[assignment]
        [recipient] = email_message.to
        client.send_one(mime.sender(email_message.from_email), recipient, mime.as_bytes(email_message))
        return True
