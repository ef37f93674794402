"""Words for systemd."""

import pytest

from config.health.systemd import notify, watchdog_s
from tests.stack.systemd import listening


@pytest.mark.parametrize("abstract", [False, True], ids=["file", "abstract"])
def test_words_arrive_together(monkeypatch: pytest.MonkeyPatch, *, abstract: bool) -> None:
    """One datagram, a word a line."""
    with listening(abstract=abstract) as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
        assert notify("READY=1", "STATUS=ready")
        systemd.wait_for("STATUS=ready")

        assert [words for _, words in systemd.told] == [["READY=1", "STATUS=ready"]]


def test_a_status_cannot_smuggle_in_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break in a sentence would make a word of what follows."""
    with listening() as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
        notify("STATUS=it failed:\nMAINPID=1")
        systemd.wait_for("STATUS=it failed: MAINPID=1")


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a shell."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")


def test_nobody_fails_if_systemd_is_gone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The log says it."""
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    assert not notify("READY=1")
    assert caplog.messages == ["notify.failed"]


@pytest.mark.parametrize(("written", "meant"), [("30000000", 30.0), ("", None), ("0", None), ("soon", None)])
def test_the_watchdog_of_the_unit_is_read(monkeypatch: pytest.MonkeyPatch, written: str, meant: float | None) -> None:
    """In microseconds, as systemd writes it."""
    monkeypatch.setenv("WATCHDOG_USEC", written)
    assert watchdog_s() == meant
