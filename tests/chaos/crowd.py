"""All customers of a run, and what they and their banks do later."""

import heapq
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from types import TracebackType
from typing import Any, Self

import requests

from tests.chaos.browser import PATIENCE_S, GaveUp, Unknown, browser
from tests.chaos.customers import Customer
from tests.chaos.notes import Notes
from tests.chaos.stack import Stack
from tests.demo.pages import UnexpectedPage

SANDBOX_KEY = "sandbox-key"

Deed = Callable[[], None]


class Crowd:
    """All customers, each on a thread, and what some of them do later; a context manager."""

    def __init__(
        self,
        stack: Stack,
        arrivals: Iterable[float],
        seed: int,
        notes: Notes,
        intents: Mapping[str, tuple[Callable[[Customer], None], int]],
        at_once: int = 16,
        turns_away: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`arrivals` are the seconds before each customer. With `at_once` in the shop, the next one waits at the door,
        and those behind come later; or is turned away, and the others come at their time.
        """
        self.stack, self.seed, self.notes, self.intents = stack, seed, notes, intents
        self.patience_s, self.leaving = patience_s, threading.Event()
        self.arrived, self.placed, self.turned_away = 0, 0, 0
        self._arrivals, self._turns_away, self._is_closed = arrivals, turns_away, False
        self._later: list[tuple[float, int, Deed]] = []
        self._numbers, self._lock, self._busy = count(), threading.Lock(), 0
        self._seats = threading.Semaphore(at_once)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="customer")

    def __enter__(self) -> Self:
        threading.Thread(target=self._let_in, name="door", daemon=True).start()
        threading.Thread(target=self._do_later, name="later", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.leaving.set()
        self._threads.shutdown(wait=kind is None, cancel_futures=True)

    def all_left(self) -> bool:
        """Has every customer come and gone?"""
        with self._lock:
            return self._is_closed and not self._busy and not self._later

    def later(self, seconds: float, deed: Deed) -> None:
        """The customer, or a bank, does something when this time is over; a failed deed is tried again."""
        with self._lock:
            heapq.heappush(self._later, (time.monotonic() + seconds, next(self._numbers), deed))

    def bank(self, path: str, **fields: object) -> bool:
        """What a bank or a person does at the provider, through its control API; False if the provider is away."""
        try:
            with browser() as http:
                answer = http.post(f"{self.stack.sandbox_url}/control/{path}", json=fields, timeout=10)
        except requests.RequestException:
            return False
        return answer.status_code < 500

    def at_provider(self, payment: str) -> dict[str, Any] | None:
        """The payment in the provider's books; None if the provider is away."""
        try:
            with browser() as http:
                key = {"Authorization": f"Bearer {SANDBOX_KEY}"}
                answer = http.get(f"{self.stack.sandbox_url}/v1/payments/{payment}", headers=key, timeout=10)
        except requests.RequestException:
            return None
        found: dict[str, Any] | None = answer.json() if answer.ok else None
        return found

    def bank_later(self, seconds: float, path: str, done: Deed, **fields: object) -> None:
        """The same in a while, until the provider has heard it; then `done` is called."""

        def deed() -> None:
            if self.bank(path, **fields):
                done()
            else:
                self.later(2, deed)

        self.later(seconds, deed)

    def _let_in(self) -> None:
        next_at = time.monotonic()
        for number, gap_s in enumerate(self._arrivals, 1):
            next_at += gap_s
            if self.leaving.wait(max(0.0, next_at - time.monotonic())):
                return
            if not self._seats.acquire(blocking=False):
                if self._turns_away:
                    self.turned_away += 1
                    continue
                self._seats.acquire()
                next_at = time.monotonic()
            with self._lock:
                self.arrived, self._busy = self.arrived + 1, self._busy + 1
            if not self.leaving.is_set():
                self._threads.submit(self._visit, number)
        self._is_closed = True

    def _visit(self, number: int) -> None:
        Customer(number, self).visit()
        with self._lock:
            self._busy -= 1
        self._seats.release()

    def _do_later(self) -> None:
        with ThreadPoolExecutor(4, thread_name_prefix="later") as threads:
            while not self.leaving.wait(0.1):
                with self._lock:
                    due = bool(self._later) and self._later[0][0] <= time.monotonic()
                    deed = heapq.heappop(self._later)[2] if due else None
                    self._busy += deed is not None
                if deed:
                    threads.submit(self._carry_out, deed)

    def _carry_out(self, deed: Deed) -> None:
        try:
            deed()
        except (GaveUp, Unknown, UnexpectedPage, requests.RequestException) as problem:
            self.notes.note("customers", customer=0, did="gave_up", why=str(problem)[:300])
        finally:
            with self._lock:
                self._busy -= 1
