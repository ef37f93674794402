"""The plan of a chaos run, and the wires that carry it out."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from tests.chaos.faults import DEEDS
from tests.chaos.plan import PROCESSES, TARGETS, WIRES, NothingBreaks, faults
from tests.chaos.wires import CUT, HOLE, SLOW, WHOLE, Wires
from tests.stack.ports import LOOPBACK

HANG_S = 60.0


def test_the_seed_decides_everything() -> None:
    """A run can be repeated."""
    assert faults(7, 100, 10_000) == faults(7, 100, 10_000)
    assert faults(7, 100, 10_000) != faults(8, 100, 10_000)


@pytest.mark.parametrize("seed", range(20))
def test_the_short_form_has_each_kind_once(seed: int) -> None:
    """Twelve kinds in twelve faults, while customers come."""
    short = faults(seed, 12, 300)

    assert sorted(fault.kind for fault in short) == sorted(TARGETS)
    assert all(0 < fault.after < 300 for fault in short)


def test_a_hundred_faults_strike_every_part_in_every_way() -> None:
    """No way is left to luck."""
    every = {(kind, *way) for kind, ways in TARGETS.items() for way in ways}

    assert {(fault.kind, fault.target, fault.detail) for fault in faults(1, 100, 10_000)} == every
    assert {target for kind in ("kill", "stop", "freeze") for target, _ in TARGETS[kind]} == set(PROCESSES)
    assert {target for target, _ in TARGETS["cut"]} == set(WIRES)


def test_every_kind_is_carried_out() -> None:
    """A kind without a deed would end the run."""
    assert set(DEEDS) == set(TARGETS)


def test_patterns_choose_faults() -> None:
    """One that fits nothing is an error, and not a run without faults."""
    assert {str(fault).partition(" for ")[0] for fault in faults(1, 9, 300, ["kill mail*"])} == {"kill mail"}
    with pytest.raises(NothingBreaks, match="No fault is like no such thing"):
        faults(1, 9, 300, ["no such thing"])


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that answers what it is told; its port."""
    with socket.create_server((LOOPBACK, 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with suppress(OSError), closing(connection):
                while piece := connection.recv(1024):
                    connection.sendall(piece)

        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])


def connected(port: int) -> socket.socket:
    """To the near end of the wire."""
    return socket.create_connection((LOOPBACK, port), timeout=HANG_S)


def is_broken(connection: socket.socket) -> bool:
    """Has the other end gone?"""
    try:
        return connection.recv(1024) == b""
    except ConnectionError:
        return True


def test_a_wire_relays_is_cut_and_works_again(echo: int) -> None:
    """A cut breaks what is connected, and refuses what is new."""
    with Wires({"web>postgres": echo}) as wires, connected(wires.ports["web>postgres"]) as before:
        before.sendall(b"hello")
        assert before.recv(1024) == b"hello"

        wires.turn("web>postgres", CUT)
        assert is_broken(before)
        with connected(wires.ports["web>postgres"]) as meanwhile:
            assert is_broken(meanwhile)

        wires.heal()
        with connected(wires.ports["web>postgres"]) as after:
            after.sendall(b"again")
            assert after.recv(1024) == b"again"


def test_a_hole_swallows_and_a_slow_wire_is_late(echo: int) -> None:
    """What a hole has swallowed never comes: the connection breaks when the hole ends."""
    with Wires({"worker>mail": echo}) as wires, connected(wires.ports["worker>mail"]) as swallowed:
        swallowed.sendall(b"1")
        assert swallowed.recv(1024) == b"1"
        wires.turn("worker>mail", HOLE)
        swallowed.sendall(b"2")
        swallowed.settimeout(0.3)
        with pytest.raises(TimeoutError):
            swallowed.recv(1024)

        wires.turn("worker>mail", SLOW)
        swallowed.settimeout(HANG_S)
        assert is_broken(swallowed)
        with connected(wires.ports["worker>mail"]) as late:
            late.sendall(b"3")
            assert late.recv(1024) == b"3"
        wires.turn("worker>mail", WHOLE)
