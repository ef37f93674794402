"""Hosts and ports, IPv4 and IPv6: how they are written, and what listens where."""

import doctest
import errno
import socket
from os import getpid
from pathlib import Path

import pytest
from pytest_django import Settings

from actors.runtime.probes import open_port
from config import hosts
from config.hosts import CannotListen, can_be_public, host_and_port, host_of, listen
from config.mail_address import NotADomain, host_in_ascii
from tests.stack.ports import LOOPBACK


@pytest.mark.parametrize(
    ("host", "written"),
    [
        ("127.0.0.1", "127.0.0.1:5672"),
        ("rabbit.internal", "rabbit.internal:5672"),
        ("::1", "[::1]:5672"),
        ("[::1]", "[::1]:5672"),
        ("::", "[::]:5672"),
        ("2001:DB8:0:0::7", "[2001:db8::7]:5672"),
        ("fe80::1%eth0", "[fe80::1%eth0]:5672"),
    ],
)
def test_a_host_and_a_port_are_told_apart(host: str, written: str) -> None:
    """Brackets keep the colons of an address from the one before the port."""
    assert host_and_port(host, 5672) == written
    assert host_of(f"amqp://till:s%40cret@{written}/vhost") == written.removesuffix(":5672")


@pytest.mark.parametrize("text", ["127.0.0.1", "127.1", "::", "::1", "fe80::1%eth0", "mq_1.internal", "büro.example"])
def test_a_host_is_a_name_or_an_address(text: str) -> None:
    """Without brackets and port."""
    assert host_in_ascii(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "a b", "http://a", "a/b", "a:80", "127.0.0.1:80", "[::1]:80", "::1::", "a..b", "ü" * 70, "*"],
)
def test_nothing_else_is_a_host(text: str) -> None:
    """No server could ever listen there."""
    with pytest.raises(NotADomain):
        host_in_ascii(text)


def test_the_example_is_true() -> None:
    """The one in the docstring."""
    assert doctest.testmod(hosts) == (0, 1)


# --- to listen -------------------------------------------------------------------------------------------------------


def answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port)).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", {"127.0.0.1"}),
        ("0.0.0.0", {"127.0.0.1", "127.0.0.2"}),  # noqa: S104 (only a test)
        ("localhost", {"127.0.0.1"}),
        ("::1", {"::1"}),
        ("[::1]", {"::1"}),
        ("::", {"127.0.0.1", "127.0.0.2", "::1"}),
    ],
)
def test_every_kind_of_address_can_be_had(host: str, reached: set[str]) -> None:
    """`::` takes both families."""
    with listen(host, 0) as listener:
        port = listener.getsockname()[1]
        assert {each for each in ("127.0.0.1", "127.0.0.2", "::1") if answers(each, port)} == reached


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("nobody.invalid", "the name does not resolve here"),
        ("a..b", "the name does not resolve here"),
        ("192.0.2.7", "this machine does not have the address"),
        ("2001:db8::7", "this machine does not have the address"),
        ("fe80::7", "a link-local address needs its network card, as in fe80::1%eth0"),
    ],
)
def test_a_wrong_host_is_told_from_a_wrong_port(host: str, reason: str) -> None:
    """Another port would not help."""
    with pytest.raises(CannotListen) as caught:
        listen(host, 9191)
    assert (str(caught.value), caught.value.wrong_host) == (
        f"{host_and_port(host, 9191)} cannot be used: {reason}",
        True,
    )


@pytest.mark.parametrize(("host", "other"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")])
def test_a_taken_port_is_told_from_a_wrong_host(host: str, other: str) -> None:
    """Another host would not help; `::` is also taken where only IPv4 is."""
    with listen(other, 0) as listener, pytest.raises(CannotListen) as caught:
        listen(host, port := listener.getsockname()[1])
    assert not caught.value.wrong_host
    name = Path("/proc/self/comm").read_text().strip()
    assert str(caught.value) == f"{host_and_port(host, port)} cannot be used: process {getpid()} ({name}) listens there"


def test_a_program_that_cannot_be_seen_has_a_command_that_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The tests may run as root, who sees every process, so an empty directory stands in for what others see."""
    monkeypatch.setattr(hosts, "_PROC", tmp_path)
    with listen(LOOPBACK, 0) as listener, pytest.raises(CannotListen) as caught:
        listen(LOOPBACK, port := listener.getsockname()[1])
    named = f"another program (`sudo ss -ltnp`, or `sudo lsof -nP -i :{port}`, names it) listens there"
    assert str(caught.value) == f"{LOOPBACK}:{port} cannot be used: {named}"


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("http://127.0.0.1:8000", False), ("http://localhost:8000", False), ("http://[::1]:8000", False),
        ("http://192.168.1.7", False), ("http://10.0.0.1", False), ("http://[fe80::1%25eth0]", False),
        ("http://shop", False), ("https://shop.example.com", True), ("http://8.8.8.8", True),
        ("http://[2606:4700::1111]", True),
    ],
)  # fmt: skip
def test_a_provider_reaches_only_public_addresses(url: str, public: bool) -> None:
    """A name with a dot may be one."""
    assert can_be_public(url) is public


def test_a_port_that_only_root_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests may run as root, so the kernel's word is a stand-in."""

    def refuse(*_: object, **__: object) -> socket.socket:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(
        CannotListen, match=r"^\[::1\]:80 cannot be used: this user may not take so low a port$"
    ) as caught:
        listen("::1", 80)
    assert not caught.value.wrong_host


# --- probes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "wrong", "other"),
    [("192.0.2.7", "METRICS_HOST", "METRICS_PORT"), (LOOPBACK, "METRICS_PORT", "METRICS_HOST")],
)
def test_the_log_names_the_setting_that_is_wrong(
    settings: Settings, caplog: pytest.LogCaptureFixture, host: str, wrong: str, other: str
) -> None:
    """An address that is not ours is not mended by another port, nor a taken port by another address."""
    with listen(LOOPBACK, 0) as taken:
        settings.METRICS_HOST, settings.METRICS_PORT = host, taken.getsockname()[1]
        open_port("METRICS_PORT", {})
    (record,) = caplog.records
    assert record.message == "probes.no_port"
    problem = vars(record)["problem"]
    assert problem.startswith(f"{host}:{settings.METRICS_PORT} cannot be used: ")
    assert f"Set another {wrong}." in problem
    assert other not in problem
