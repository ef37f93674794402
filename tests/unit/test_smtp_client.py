"""Our side of a connection to a mail server, with the server's words lying ready in a socket."""

import hmac
import smtplib
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from commerce.mail.smtp import Client, Unanswered

GREETED = b"250-mail.example.com\r\n250-PIPELINING\r\n250 SIZE 1000000\r\n"
EHLO = b"ehlo test\r\n"
ASKED = b"MAIL FROM:<shop@example.com> SIZE=4\r\nRCPT TO:<ann@example.com>\r\nDATA\r\n"


class Server:
    """The other end; it has said all its words before it is asked."""

    def __init__(self) -> None:
        ours, self._socket = socket.socketpair()
        ours.settimeout(2)
        self.client = Client(local_hostname="test")
        self.client.sock = ours

    def says(self, *replies: bytes) -> None:
        """A line for each reply."""
        self._socket.sendall(b"".join(reply + b"\r\n" for reply in replies))

    def hangs_up(self) -> None:
        """After what it has said."""
        self._socket.shutdown(socket.SHUT_WR)

    def heard(self) -> bytes:
        """Everything since the last look."""
        self._socket.setblocking(False)
        try:
            return self._socket.recv(1 << 20)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.client.close()
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    """One that takes several commands at once."""
    server = Server()
    server.says(GREETED.rstrip())
    yield server
    server.close()


def send(server: Server, mail: bytes = b"Hi\r\n", recipient: str = "ann@example.com") -> None:
    """One mail."""
    server.client.send_one("shop@example.com", recipient, mail)


def test_a_mail_takes_two_round_trips(server: Server) -> None:
    """And the next one does not introduce itself again."""
    for _ in range(2):
        server.says(b"250 ok", b"250 ok", b"354 go on", b"250 taken")
        send(server)

    assert server.heard() == EHLO + (ASKED + b"Hi\r\n.\r\n") * 2


@pytest.mark.parametrize(
    ("mail", "sent"),
    [
        (b"Hi", b"Hi\r\n.\r\n"),
        (b".\r\n..\r\na.b\r\n", b"..\r\n...\r\na.b\r\n.\r\n"),
    ],
)
def test_only_the_last_dot_stands_alone(server: Server, mail: bytes, sent: bytes) -> None:
    """Or the mail would end where its author never ended it."""
    server.says(b"250 ok", b"250 ok", b"354 go on", b"250 taken")

    send(server, mail)

    assert server.heard().endswith(b"DATA\r\n" + sent)


@pytest.mark.parametrize(
    ("replies", "kind", "code"),
    [
        ((b"451 later", b"503 no sender", b"503 no sender"), smtplib.SMTPSenderRefused, 451),
        ((b"250 ok", b"550 nobody", b"554 no recipients"), smtplib.SMTPRecipientsRefused, 550),
        ((b"250 ok", b"251 elsewhere", b"452 full"), smtplib.SMTPDataError, 452),
        ((b"421 bye",), smtplib.SMTPSenderRefused, 421),
        ((b"250 ok", b"421 bye"), smtplib.SMTPRecipientsRefused, 421),
        ((b"250 ok", b"250 ok", b"354 go on", b"554 spam"), smtplib.SMTPDataError, 554),
    ],
)
def test_the_first_no_counts(
    server: Server, replies: tuple[bytes, ...], kind: type[smtplib.SMTPException], code: int
) -> None:
    """What the server says to the commands behind it is only about that one; after 421 it says nothing."""
    server.says(*replies)

    with pytest.raises(kind) as caught:
        send(server)

    told = getattr(caught.value, "smtp_code", None)
    assert (told or caught.value.args[0]["ann@example.com"][0]) == code


def test_a_mail_for_nobody_is_ended(server: Server) -> None:
    """A server may want the text although it refused the only recipient; the next mail finds the connection in step."""
    server.says(b"250 ok", b"550 nobody", b"354 go on", b"554 no valid recipients")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(server)
    server.says(b"250 ok", b"250 ok", b"354 go on", b"250 taken")
    send(server)

    assert server.heard() == EHLO + ASKED + b".\r\n" + ASKED + b"Hi\r\n.\r\n"


@pytest.mark.parametrize("more", [">\r\nRCPT TO:<eve@example.com", "\r\nDATA\r\n", "\n"])
def test_an_address_is_no_command(server: Server, more: str) -> None:
    """The mail is refused before the server hears a word of it; the next one is sent."""
    with pytest.raises(ValueError, match="line break"):
        send(server, recipient=f"ann@example.com{more}")

    server.says(b"250 ok", b"250 ok", b"354 go on", b"250 taken")
    send(server)
    assert server.heard() == EHLO + ASKED + b"Hi\r\n.\r\n"


def test_a_server_that_takes_one_command_at_a_time_is_asked_so() -> None:
    """It never sees the next one before it answered."""
    server = Server()
    server.says(b"250 mail.example.com", b"451 not now", b"250 reset")

    with pytest.raises(smtplib.SMTPSenderRefused):
        send(server)

    assert b"rcpt" not in server.heard().lower()
    server.close()


@pytest.mark.parametrize(
    ("replies", "doubtful"), [((b"250 ok", b"250 ok"), False), ((b"250 ok", b"250 ok", b"354 go on"), True)]
)
def test_only_a_mail_that_was_handed_over_is_in_doubt(
    server: Server, replies: tuple[bytes, ...], doubtful: bool
) -> None:
    """A connection that breaks while commands are answered has delivered nothing."""
    server.says(*replies)
    server.hangs_up()

    with pytest.raises(smtplib.SMTPServerDisconnected) as caught:
        send(server)

    assert isinstance(caught.value, Unanswered) == doubtful


def login(server: Server, password: str, *replies: bytes) -> list[str]:
    """What the client says to log in, its words decoded."""
    server.says(*replies)
    server.client.login("Änne", password)
    asked, *lines = server.heard().decode().split("\r\n")[1:-1]
    words = asked.split(" ")
    return [" ".join(words[:2]), *(b64decode(line).decode() for line in [*words[2:], *lines])]


def test_a_password_may_have_any_letters() -> None:
    """UTF-8 (RFC 4616), in each way that smtplib knows."""
    digest = hmac.new("pässwörd-€".encode(), b"<1@example>", "md5").hexdigest()
    ways = {
        "PLAIN": ([b"235 in"], ["AUTH PLAIN", "\0Änne\0pässwörd-€"]),
        "LOGIN": ([b"334 ", b"235 in"], ["AUTH LOGIN", "Änne", "pässwörd-€"]),
        "CRAM-MD5": ([b"334 " + b64encode(b"<1@example>"), b"235 in"], ["AUTH CRAM-MD5", f"Änne {digest}"]),
    }
    for way, (replies, said) in ways.items():
        server = Server()
        server.says(b"250-mail.example.com\r\n250 AUTH " + way.encode())
        assert login(server, "pässwörd-€", *replies) == said
        server.close()


def test_a_token_logs_in_by_oauth_2(server: Server, settings: Settings) -> None:
    """XOAUTH2, as Google and Microsoft describe it; after their explanation of a refusal comes the refusal."""
    settings.EMAIL_OAUTH2_TOKEN = "in use"
    asked = ["AUTH XOAUTH2", "user=Änne\x01auth=Bearer fresh-token\x01\x01"]

    assert login(server, "fresh-token", b"235 in") == asked

    server.says(b"334 " + b64encode(b'{"status":"400"}'), b"535 5.7.8 expired")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        server.client.login("Änne", "old-token")
    assert server.heard().endswith(b"\r\n\r\n")


def test_a_login_that_never_ends_is_given_up(server: Server, settings: Settings) -> None:
    """A server that answers each response with one more question."""
    settings.EMAIL_OAUTH2_TOKEN = "in use"
    server.says(*[b"334 "] * 100)

    with pytest.raises(smtplib.SMTPAuthenticationError):
        server.client.login("Änne", "token")


@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("shop.tillcoffee.example", b"shop.tillcoffee.example"),
        ("192.0.2.7", b"[192.0.2.7]"),
        ("2001:db8::7", b"[IPv6:2001:db8::7]"),
    ],
)
def test_the_greeting_has_the_name_of_the_settings(settings: Settings, name: str, greeting: bytes) -> None:
    """Not a container's own name, which no other machine knows."""
    settings.EMAIL_HELO_NAME = name
    server = Server()
    server.says(b"250 hello", b"250 ok", b"250 ok", b"354 go on", b"250 taken")

    send(server)

    assert server.heard().startswith(b"ehlo " + greeting + b"\r\n")
    server.close()
