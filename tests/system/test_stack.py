"""The parts the other system tests stand on: what they do when stopped, killed, frozen and scripted."""

import signal
import smtplib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path

import pika
import psycopg
import pytest

from tests.stack import programs
from tests.stack.mail import Answer, MailServer
from tests.stack.ports import free_port, is_free, wait_until
from tests.stack.postgres import Postgres
from tests.stack.processes import Program, lives
from tests.stack.programs import MissingProgram
from tests.stack.rabbitmq import RabbitMQ
from tests.stack.server import StartError

START_S = 40.0

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(99)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {DEAF!r}]); time.sleep(99)"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitMQ]:
    with RabbitMQ() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def test_a_port_is_handed_out_once() -> None:
    """Two parts of one test never fight for a port."""
    assert len({free_port() for _ in range(100)}) == 100


def test_waiting_in_vain_says_for_what() -> None:
    """A timeout names what was missing."""
    with pytest.raises(TimeoutError, match=r"Waited 0\.1 s in vain until pigs flew\."):
        wait_until(lambda: False, "pigs flew", timeout_s=0.1)


def test_postgres_keeps_what_was_committed_before_a_crash(postgres: Postgres) -> None:
    """A database survives the death of its server."""
    url = postgres.create_database("survivor")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 7 AS number")

    postgres.kill()
    postgres.start()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM orders").fetchone() == (7,)


def test_a_frozen_postgres_freezes_its_backends(postgres: Postgres) -> None:
    """A hung database answers nobody, not even who is connected; then it goes on."""
    with psycopg.connect(postgres.url) as connection, ThreadPoolExecutor() as pool:
        postgres.freeze()
        query = pool.submit(connection.execute, "SELECT 1")
        with pytest.raises(TimeoutError):
            query.result(timeout=0.5)
        postgres.thaw()
        assert query.result(START_S).fetchone() == (1,)


def test_a_database_is_dropped_under_its_users(postgres: Postgres) -> None:
    """A forgotten connection keeps no test from cleaning up."""
    with psycopg.connect(postgres.create_database("crowded")):
        postgres.drop_database("crowded")

    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(postgres.url_of("crowded"))


def test_a_stranger_on_the_port_is_not_mistaken_for_our_server(postgres: Postgres) -> None:
    """A taken port is an error, even where somebody answers on it."""
    with pytest.raises(StartError, match=f"Port {postgres.port} is taken"):
        Postgres(port=postgres.port).start()


def test_a_server_that_cannot_start_says_why(postgres: Postgres) -> None:
    """The error holds the last words of the server."""
    second = Postgres(postgres.directory)
    with pytest.raises(StartError, match=r'(?s)ended at once.*lock file "postmaster.pid" already exists'):
        second.start()


def test_rabbitmq_keeps_and_purges_messages(rabbitmq: RabbitMQ) -> None:
    """A queue counts what was published until it is purged; a missing queue is an empty one."""
    publish(rabbitmq, "letters")
    assert rabbitmq.counts("letters") == 1

    rabbitmq.purge("letters", "no such queue")
    assert rabbitmq.counts("letters") == 0
    assert rabbitmq.counts("no such queue") == 0


def test_a_frozen_rabbitmq_is_silent_until_it_thaws(rabbitmq: RabbitMQ) -> None:
    """A hung broker is alive and does not answer."""
    rabbitmq.freeze()
    assert rabbitmq.alive
    assert not rabbitmq.answers()

    rabbitmq.thaw()
    wait_until(rabbitmq.answers, "it answered", START_S)


def test_mail_is_refused_and_taken_as_scripted(mail: MailServer) -> None:
    """A scripted 451 concerns its recipient and its number of times; then it is 250 again."""
    mail.answer_with("451 try later", to="anna@example.org")
    send(mail, "boris@example.org")

    with pytest.raises(smtplib.SMTPDataError, match="try later"):
        send(mail, "anna@example.org")
    send(mail, "anna@example.org")

    assert [taken.recipients for taken in mail.messages] == [("boris@example.org",), ("anna@example.org",)]
    assert mail.messages[0].message["Subject"] == "Ваш заказ"


def test_a_lost_answer_leaves_the_message_taken(mail: MailServer) -> None:
    """After the final dot the sender cannot know."""
    mail.drop()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(mail, "anna@example.org")
    assert len(mail.messages) == 1


def test_who_hangs_up_on_a_slow_server_delivered_nothing(mail: MailServer) -> None:
    """A timeout of the sender ends the delivery."""
    mail.hang(seconds=30)
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        send(mail, "anna@example.org", timeout_s=0.3)
    assert not mail.messages


def test_a_function_decides_where_no_script_does() -> None:
    """A campaign answers at random by a function of its own."""
    no = MailServer(lambda sent: Answer(f"550 no {sent.recipients[0]}"))
    with no as mail, pytest.raises(smtplib.SMTPDataError, match="no anna"):
        send(mail, "anna@example.org")


def test_a_stopped_mail_server_comes_back_on_its_port(mail: MailServer) -> None:
    """An outage is a refused connection, and afterwards the same address."""
    mail.stop()
    with pytest.raises(ConnectionRefusedError):
        send(mail, "anna@example.org")

    mail.start()
    send(mail, "anna@example.org")


def test_a_program_is_stopped_with_its_children() -> None:
    """Nobody outlives the leader, not even a child that ignores SIGTERM."""
    with Program("parent", [sys.executable, "-c", PARENT]) as program:
        program.wait_for_output("^deaf$", START_S)
        family = program.members()
        assert len(family) == 2
        assert program.memory > 0

    assert not any(lives(member) for member in family)
    assert program.wait(timeout_s=0) == -signal.SIGTERM


def test_a_deaf_leader_is_killed_after_the_timeout() -> None:
    """Patience with SIGTERM has an end."""
    program = Program("deaf", [sys.executable, "-c", DEAF]).start()
    program.wait_for_output("deaf", START_S)

    program.stop(timeout_s=0.2)

    assert program.wait(timeout_s=0) == -signal.SIGKILL


def test_nobody_waits_for_the_words_of_the_dead() -> None:
    """A program that ended is reported at once, with what it said last."""
    brief = Program("brief", [sys.executable, "-c", "print('farewell')"])
    with brief, pytest.raises(TimeoutError, match="farewell"):
        brief.wait_for_output("hello", timeout_s=60)


def test_debian_starts_no_service_while_we_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own policy about new services comes back afterwards."""
    policy = tmp_path / "policy-rc.d"
    policy.write_text("the machine's own")
    monkeypatch.setattr(programs, "POLICY", policy)

    with programs._no_services():
        assert "exit 101" in policy.read_text()
    assert policy.read_text() == "the machine's own"


def test_a_missing_program_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not install is told what to type."""
    monkeypatch.setattr(programs, "POSTGRES_HOMES", ())
    monkeypatch.setattr(programs, "_pg_config", list)
    monkeypatch.setattr(programs, "_may_install", lambda: False)

    with pytest.raises(MissingProgram, match=r"sudo apt-get install .* postgresql"):
        programs.ensure("postgres")


def test_a_listening_server_occupies_its_port(postgres: Postgres) -> None:
    """`make services` can tell a taken port from a free one."""
    assert not is_free(postgres.port)


def publish(rabbitmq: RabbitMQ, queue: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(rabbitmq.url)) as connection:
        channel = connection.channel()
        channel.queue_declare(queue)
        channel.confirm_delivery()
        channel.basic_publish("", queue, b"hello")


def send(mail: MailServer, to: str, timeout_s: float = 10) -> None:
    message = EmailMessage()
    message["Subject"] = "Ваш заказ"
    message.set_content("Спасибо!")
    with smtplib.SMTP("127.0.0.1", mail.port, timeout=timeout_s) as client:
        client.send_message(message, "shop@example.org", [to])
