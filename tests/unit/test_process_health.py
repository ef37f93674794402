"""Signs of life: who is told what."""

import json
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from config.health import liveness
from config.health.liveness import CheckWithTimeout, Heartbeats
from config.health.process import ProcessHealth
from config.health.server import serve
from tests.stack.ports import HANG_S, LOOPBACK, free_port
from tests.stack.systemd import Notified, listening


class Process:
    """A process with two checks, which fail as a test wants."""

    def __init__(self) -> None:
        self.stalled: str | None = None
        self.missing: str | None = None
        self.health = ProcessHealth(live={"loop": lambda: self.stalled}, ready={"database": lambda: self.missing})


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notified]:
    """It wants a sign of life every 0.3 s."""
    with listening() as heard:
        for name, value in heard.environment(watchdog_s=0.3).items():
            monkeypatch.setenv(name, value)
        yield heard


def asked(health: ProcessHealth, path: str) -> tuple[int, object]:
    """The answer to a probe."""
    status, _, body = health.routes()[path]()
    return status, json.loads(body)


def test_a_process_that_waits_for_its_database_is_live_and_not_ready() -> None:
    """To start it again would not help. Names are told, sentences are not: they hold addresses."""
    process = Process()
    process.missing = "secret.example does not answer"

    assert asked(process.health, "/healthz") == (200, {"live": True, "problems": []})
    assert asked(process.health, "/readyz") == (503, {"ready": False, "problems": ["database"]})


def test_a_process_that_hangs_is_neither() -> None:
    """Send it no work, and start it again."""
    process = Process()
    process.stalled = "it hangs"

    assert asked(process.health, "/healthz") == (503, {"live": False, "problems": ["loop"]})
    assert asked(process.health, "/readyz") == (503, {"ready": False, "problems": ["loop"]})


def test_a_check_that_fails_itself_is_a_problem() -> None:
    """Never a silent yes."""
    health = ProcessHealth(live={"loop": lambda: str(1 // 0)}, ready={})
    assert asked(health, "/healthz")[0] == 503


def test_systemd_hears_ready_once_and_life_for_as_long_as_there_is_any(systemd: Notified) -> None:
    """While it is not ready, it asks for time; when it hangs, it is silent; when it goes on, it says so."""
    process = Process()
    process.missing = "not yet"
    end = process.health.report("tests")
    systemd.wait_for("STATUS=waiting: database")
    assert "READY=1" not in systemd.words
    assert any(word.startswith("EXTEND_TIMEOUT_USEC=") for word in systemd.words)

    process.missing = None
    systemd.wait_for("READY=1")
    process.stalled = "it hangs"
    systemd.wait_for("STATUS=stalled: loop")
    systemd.forget()
    threading.Event().wait(1.0)  # three times what the watchdog allows
    assert "WATCHDOG=1" not in systemd.words

    process.stalled = None
    systemd.wait_for("WATCHDOG=1")
    end()
    assert "READY=1" not in systemd.words


def test_a_question_that_hangs_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks meanwhile is told that there is no answer, and no threads pile up."""
    monkeypatch.setattr(liveness, "CHECK_TIMEOUT_S", 0.05)
    answer, asked_times = threading.Event(), []

    def hangs() -> str | None:
        asked_times.append(1)
        answer.wait(HANG_S)
        return None

    question = CheckWithTimeout(hangs)
    assert [question() for _ in range(3)] == ["there was no answer within 0.05 s"] * 3
    assert len(asked_times) == 1
    answer.set()
    monkeypatch.setattr(liveness, "CHECK_TIMEOUT_S", 20.0)
    assert question() is None
    assert question() is None
    assert len(asked_times) >= 2


def test_a_check_that_fails_in_its_thread_fails_for_who_asked() -> None:
    """Its error is not swallowed."""
    with pytest.raises(ZeroDivisionError):
        CheckWithTimeout(lambda: str(1 // 0))()


def test_heartbeats_tell_a_hung_loop_from_an_idle_one() -> None:
    """One that never came round is no better than one that stopped."""
    heartbeats = Heartbeats()
    assert heartbeats.problem("loop", 60) == "loop has sent no heartbeat yet."
    heartbeats.beat("loop")
    assert heartbeats.problem("loop", 60) is None
    assert heartbeats.problem("loop", 0) == "loop has sent no heartbeat for 0 s."


@pytest.fixture(scope="module")
def port() -> int:
    """Of a server with three pages."""
    found = free_port()
    pages = {
        "/yes": lambda: (200, "text/plain", b"yes"),
        "/no": lambda: (503, "text/plain", b"no"),
        "/broken": lambda: (200, str(1 // 0), b""),
    }
    serve(LOOPBACK, found, pages)
    return found


@pytest.mark.parametrize(("path", "status"), [("/yes", 200), ("/yes?a=1", 200), ("/no", 503), ("/else", 404)])
def test_the_port_answers(port: int, path: str, status: int) -> None:
    """What the routes say, and 404 elsewhere."""
    assert _get(port, path) == status


def test_a_broken_page_is_a_500_and_the_others_go_on(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """With the traceback in the log."""
    assert _get(port, "/broken") == 500
    assert "probe.failed" in caplog.messages
    assert _get(port, "/yes") == 200


def test_somebody_who_says_nothing_keeps_nobody_waiting(port: int) -> None:
    """Each connection has a thread of its own."""
    with socket.create_connection((LOOPBACK, port)):
        assert _get(port, "/yes") == 200


def _get(port: int, path: str) -> int:
    connection = HTTPConnection(LOOPBACK, port, timeout=HANG_S)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status
