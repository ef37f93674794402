"""Carries out the faults of the plan, one after the other, and writes down when each began and ended."""

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Lock

import pika
import requests
from pika.exceptions import AMQPError

from tests.chaos.browser import browser
from tests.chaos.notes import Notes
from tests.chaos.plan import LOST_ANSWER, Fault
from tests.chaos.stack import Stack, thaw
from tests.chaos.wires import WHOLE
from tests.stack.processes import Program

STOP_WITHIN_S = 20.0
"""How long a part may finish what it has begun; the units give 30 s and more."""

GARBAGE: Sequence[bytes] = (
    b"garbage",
    b"",
    b"null",
    b"[]",
    b"{}",
    b"\xff\xfe\x00",
    b"[" * 50_000,
    b'{"queue_name": "urgent", "actor_name": "no_such_actor", "args": [], "kwargs": {}, "options": {}}',
    json.dumps(
        {"queue_name": "urgent", "actor_name": "check_payment", "args": ["x", {}], "kwargs": None, "options": None}
    ).encode(),
    json.dumps({"queue_name": "other", "actor_name": {}, "args": [], "kwargs": {}, "options": {"eta": 1e300}}).encode(),
)
"""What is in no good message: no JSON, no object, no such actor, wrong arguments, options that broke readers before."""

QUEUES = ("urgent", "urgent.DQ", "routine", "routine.DQ")

FORGED_AT_ONCE = 5

AT_ONCE = 2


@dataclass
class Faults:
    """The faults of one run: up to AT_ONCE of them at the same time, and never two of one part or wire."""

    stack: Stack
    notes: Notes
    plan: Sequence[Fault]
    done: int = 0

    def run(self, arrived: Callable[[], int], over: Event) -> None:
        """Begin each fault when so many customers have come; returns after the last one, or when the run is over."""
        targets = {fault.target: Lock() for fault in self.plan}
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fault") as threads:
            struck = [threads.submit(self._wait, fault, targets[fault.target], arrived, over) for fault in self.plan]
        for each in struck:
            each.result()

    def _wait(self, fault: Fault, target: Lock, arrived: Callable[[], int], over: Event) -> None:
        while arrived() < fault.after:
            if over.wait(0.1):
                return
        with target:
            self._strike(fault)
        self.done += 1

    def _strike(self, fault: Fault) -> None:
        began = time.time()
        with DEEDS[fault.kind](self.stack, fault) as learned:
            time.sleep(fault.lasts_s)
        about = {"kind": fault.kind, "target": fault.target, "detail": learned or fault.detail}
        self.notes.note("faults", at=began, until=time.time(), **about)


@contextmanager
def kill(stack: Stack, fault: Fault) -> Iterator[str]:
    """As a crash does; it comes back when the fault is over."""
    with down(stack, fault.target):
        stack.parts[fault.target].kill()
        yield ""


@contextmanager
def stop(stack: Stack, fault: Fault) -> Iterator[str]:
    """In order: it may finish what it has begun."""
    part = stack.parts[fault.target]
    with down(stack, fault.target):
        if isinstance(part, Program):
            part.stop(STOP_WITHIN_S)
        else:
            part.stop()
        yield ""


@contextmanager
def freeze(stack: Stack, fault: Fault) -> Iterator[str]:
    """As a hung host: its connections stay open, and nobody answers."""
    part = stack.parts[fault.target]
    part.freeze()
    try:
        yield ""
    finally:
        thaw(part)


@contextmanager
def wipe(stack: Stack, fault: Fault) -> Iterator[str]:
    """The broker loses every message, or everything that it ever wrote."""
    if fault.detail == "queues":
        with suppress(AMQPError, OSError):
            stack.rabbitmq.purge(*QUEUES)
        yield ""
        return
    with down(stack, fault.target):
        stack.rabbitmq.kill()
        shutil.rmtree(stack.rabbitmq.directory / "mnesia", ignore_errors=True)
        yield ""


@contextmanager
def away(stack: Stack, fault: Fault) -> Iterator[str]:
    """The provider refuses connections, never answers, answers 500, or loses its answers; its books stay."""
    with suppress(requests.RequestException):
        if fault.detail == LOST_ANSWER:
            stack.control("faults", where="any", kind=LOST_ANSWER)
        else:
            stack.control("outage", kind=fault.detail, seconds=fault.lasts_s)
    yield ""
    with suppress(requests.RequestException):
        stack.control("faults", method="DELETE")


@contextmanager
def disturb(stack: Stack, fault: Fault) -> Iterator[str]:
    """A connection between two parts breaks, swallows what is sent, or delays every piece."""
    stack.wires.turn(fault.target, fault.detail)
    try:
        yield ""
    finally:
        stack.wires.turn(fault.target, WHOLE)


@contextmanager
def clock(stack: Stack, fault: Fault) -> Iterator[str]:
    """The clock of a running process jumps, and jumps back."""
    stack.set_clock(fault.target, fault.detail)
    try:
        yield ""
    finally:
        stack.set_clock(fault.target, "+0")


@contextmanager
def disk(stack: Stack, fault: Fault) -> Iterator[str]:
    """The database's disk is full to the last byte; then an operator makes room."""
    stack.disk.fill()
    try:
        yield ""
    finally:
        stack.disk.make_room()


@contextmanager
def garbage(stack: Stack, fault: Fault) -> Iterator[str]:
    """What no program of ours sends lies in the queues."""
    with suppress(AMQPError, OSError):
        connection = pika.BlockingConnection(pika.URLParameters(stack.rabbitmq.url + "?socket_timeout=5"))
        for queue in QUEUES:
            for body in GARBAGE:
                connection.channel().basic_publish("", queue, body)
        connection.close()
    yield f"{len(GARBAGE) * len(QUEUES)} messages"


@contextmanager
def forge(stack: Stack, fault: Fault) -> Iterator[str]:
    """Callbacks lie about payments that are open: with a wrong signature, and with the right one."""
    forged = 0
    with suppress(requests.RequestException), browser() as http:
        payments = http.get(f"{stack.sandbox_url}/control/payments", timeout=10).json()["payments"]
        for payment in [each for each in payments if each["status"] == "pending"][-FORGED_AT_ONCE:]:
            for outcome in ("succeeded", "canceled", "failed"):
                for signed in (False, True):
                    stack.control("forge", payment=payment["id"], type=f"payment.{outcome}", signed=signed)
                    forged += 1
    yield f"{forged} callbacks"


@contextmanager
def old_release(stack: Stack, fault: Fault) -> Iterator[str]:
    """A worker of the last release works beside ours, alone for a while; the web reloads meanwhile."""
    with stack.last_release() as version, down(stack, "worker-1"):
        web, worker = stack.parts["web"], stack.parts["worker-1"]
        assert isinstance(web, Program)
        assert isinstance(worker, Program)
        worker.stop(STOP_WITHIN_S)
        if web.alive:
            web.send(signal.SIGHUP)
        yield version


@contextmanager
def down(stack: Stack, name: str) -> Iterator[None]:
    """The supervisor leaves it down meanwhile."""
    stack.held.add(name)
    try:
        yield
    finally:
        stack.held.discard(name)


DEEDS = {
    "kill": kill,
    "stop": stop,
    "freeze": freeze,
    "wipe": wipe,
    "away": away,
    "cut": disturb,
    "slow": disturb,
    "clock": clock,
    "disk": disk,
    "garbage": garbage,
    "forge": forge,
    "release": old_release,
}
"""How each kind of the plan is done."""
