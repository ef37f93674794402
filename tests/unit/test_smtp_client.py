"""Our side of a connection to a mail server, with the server's words lying ready in a socket."""

import smtplib
import socket
from collections.abc import Iterator

import pytest

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
    """What stands behind it is left out."""
    server.says(b"250 ok", b"250 ok", b"354 go on", b"250 taken")

    send(server, recipient=f"ann@example.com{more}")

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
