"""A mail server that keeps what it is given, and answers as a test tells it to."""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Lock
from types import TracebackType
from typing import Any, AnyStr, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.stack.ports import LOOPBACK, free_port


@dataclass(frozen=True)
class Mail:
    """A message as it was handed over, with the addresses of its envelope."""

    message: EmailMessage
    sender: str
    recipients: tuple[str, ...]

    @property
    def asks_to_pay(self) -> bool:
        """Is it the shop's mail about an order that waits for its payment? By its subject, in both languages."""
        subject = str(self.message["Subject"])
        return "waits for your payment" in subject or "ждёт оплаты" in subject


@dataclass(frozen=True)
class Answer:
    """What the server says, usually after the final dot of a message."""

    reply: str = "250 OK"
    after_s: float = 0
    # The message is taken, and the connection breaks before the sender hears of it: why mail is never exactly-once.
    lost: bool = False

    @property
    def takes(self) -> bool:
        return self.reply.startswith("2")


@dataclass
class Script:
    """An answer that waits for its messages; without a number of times it stays for ever."""

    answer: Answer
    to: str | None
    times: int | None

    def matches(self, mail: Mail) -> bool:
        return self.times != 0 and (self.to is None or self.to in mail.recipients)

    def play(self) -> Answer:
        if self.times:
            self.times -= 1
        return self.answer


class Dialogue(SMTP):
    """aiosmtpd's side of a connection; it hangs up after 421, as the standard wants (RFC 5321, 3.8)."""

    event_handler: "MailServer"

    async def push(self, status: AnyStr) -> None:
        reply = status.decode() if isinstance(status, bytes) else str(status)
        if self.session and not self.session.host_name and reply.startswith("220"):
            reply = self.event_handler.said_at("greeting") or reply
        await super().push(reply)
        if reply.startswith("421") and self.transport:
            self.transport.close()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 (aiosmtpd looks for a method of this name)
        reply = self.event_handler.said_at("DATA")
        if reply:
            await self.push(reply)
        else:
            await super().smtp_DATA(arg)
            await self._hang_up()

    async def _hang_up(self) -> None:
        words = self.event_handler.hang_up_with
        if words:
            await self.push(words)
        if words is not None and self.transport:
            self.transport.close()

    async def auth_XOAUTH2(self, _: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        """A token instead of a password; aiosmtpd offers every method of such a name."""
        user, token = b64decode(args[1]).strip(b"\1").split(b"\1")
        login = LoginPassword(user.removeprefix(b"user="), token.removeprefix(b"auth=Bearer "))
        return self._authenticate("XOAUTH2", login)


class Doorkeeper(Controller):
    """aiosmtpd's controller, with our side of a connection."""

    def factory(self) -> SMTP:
        return Dialogue(self.handler, **self.SMTP_kwargs)


class Pipelining:
    """aiosmtpd's handler of a server that takes several commands at once, as Postfix, Exim and the big providers do."""

    pipelining = True

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Answer a greeting: what the server can do, `250 HELP` last."""
        session.host_name = hostname
        extensions = ["250-PIPELINING"] if self.pipelining else []
        return [*responses[:-1], *extensions, responses[-1]]


class MailServer(Pipelining):
    """An SMTP server on a free port, in a thread; a context manager that may stop and start again."""

    def __init__(
        self,
        answer: Callable[[Mail], Answer] | None = None,
        *,
        pipelining: bool = True,
        host: str = LOOPBACK,
        **options: Any,
    ) -> None:
        """`answer` is asked whenever no script matches; without one every message is taken.

        `pipelining=False` is a server that takes one command at a time. The options are aiosmtpd's: TLS and logins.
        """
        self.pipelining, self.host, self._options = pipelining, host, options
        # After a taken mail: hang up, with these words if there are any; None keeps the connection.
        self.hang_up_with: str | None = None
        self.port = free_port()
        self._otherwise = answer or (lambda _: Answer())
        self._scripts: list[Script] = []
        self._words: dict[str, list[str]] = {}
        self.connections = 0
        self.handed_over = 0
        self._taken: list[Mail] = []
        self._lock = Lock()
        self._controller: Controller | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def messages(self) -> list[Mail]:
        """What was taken so far, oldest first."""
        with self._lock:
            return list(self._taken)

    def start(self) -> Self:
        self._controller = Doorkeeper(
            self,
            self.host,
            self.port,
            ready_timeout=30,
            server_hostname="localhost",
            data_size_limit=None,
            **self._options,
        )
        self._controller.start()
        self.connections = 0  # but the one that the controller made to see whether it works
        return self

    def stop(self) -> None:
        """Refuse connections from now on; the messages stay."""
        if self._controller:
            self._controller.stop()
            self._controller = None

    def answer_with(self, reply: str, to: str | None = None, times: int | None = 1) -> None:
        """Reply so to the next messages (for one recipient); times=None means for ever."""
        self._add(Answer(reply), to, times)

    def say_at(self, stage: str, *replies: str) -> None:
        """Reply so at the next times that a sender comes to this stage: `greeting`, `MAIL`, `RCPT` or `DATA`."""
        with self._lock:
            self._words.setdefault(stage, []).extend(replies)

    def said_at(self, stage: str) -> str | None:
        """What is to be said there out of turn, once; None where everything goes its way."""
        with self._lock:
            self.connections += stage == "greeting"
            words = self._words.get(stage)
            return words.pop(0) if words else None

    def hang(self, seconds: float, to: str | None = None, times: int | None = 1) -> None:
        """Keep the next senders waiting; whoever hangs up meanwhile has delivered nothing."""
        self._add(Answer(after_s=seconds), to, times)

    def drop(self, to: str | None = None, times: int | None = 1) -> None:
        """Take the next messages, and break the connection instead of saying so."""
        self._add(Answer(lost=True), to, times)

    def clear(self) -> None:
        """Forget all messages and scripts."""
        with self._lock:
            self._taken.clear()
            self._scripts.clear()
            self._words.clear()

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, sender: str, options: list[str]
    ) -> str:
        """Answer a sender."""
        reply = self.said_at("MAIL")
        if reply is None:
            envelope.mail_from, envelope.mail_options = sender, options
        return reply or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, recipient: str, options: list[str]
    ) -> str:
        """Answer a recipient."""
        reply = self.said_at("RCPT")
        if reply is None:
            envelope.rcpt_tos.append(recipient)
        return reply or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Answer a message; aiosmtpd looks for a method of this name."""
        mail = _read(envelope)
        answer = self._answer_to(mail)
        self.handed_over += 1  # whatever becomes of it
        await asyncio.sleep(answer.after_s)
        if answer.takes:
            self._take(mail)
        if answer.lost and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return answer.reply

    def _add(self, answer: Answer, to: str | None, times: int | None) -> None:
        with self._lock:
            self._scripts.append(Script(answer, to, times))

    def _answer_to(self, mail: Mail) -> Answer:
        with self._lock:
            script = next((script for script in self._scripts if script.matches(mail)), None)
            if script:
                return script.play()
        return self._otherwise(mail)

    def _take(self, mail: Mail) -> None:
        with self._lock:
            self._taken.append(mail)


def _read(envelope: Envelope) -> Mail:
    message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
    return Mail(message, envelope.mail_from or "", tuple(envelope.rcpt_tos))
