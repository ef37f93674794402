"""All customers of a run, and what they and their banks do later."""

import heapq
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from types import TracebackType
from typing import Any, Self

import requests

from tests.chaos.browser import GaveUp, Unknown
from tests.chaos.customers import Customer
from tests.chaos.notes import Notes
from tests.demo.pages import UnexpectedPage

SANDBOX_KEY = "sandbox-key"

Deed = Callable[[], None]


class Crowd:
    """All customers, on a few threads, and what some of them do later; a context manager."""

    def __init__(
        self,
        count_of_customers: int,
        shop_url: str,
        sandbox_url: str,
        seed: int,
        notes: Notes,
        intents: Mapping[str, tuple[Callable[[Customer], None], int]],
        at_once: int = 16,
        arrivals_per_s: float = 12.0,
    ) -> None:
        self.shop_url, self.sandbox_url, self.seed, self.notes, self.intents = (
            shop_url,
            sandbox_url,
            seed,
            notes,
            intents,
        )
        self.leaving = threading.Event()
        self.arrived, self.placed = 0, 0
        self._count, self._gap_s = count_of_customers, 1 / arrivals_per_s
        self._later: list[tuple[float, int, Deed]] = []
        self._numbers, self._lock, self._busy = count(), threading.Lock(), 0
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="customer")
        self._next_at = 0.0

    def __enter__(self) -> Self:
        for number in range(1, self._count + 1):
            self._threads.submit(self._arrive, number)
        threading.Thread(target=self._do_later, name="later", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.leaving.set()
        self._threads.shutdown(wait=kind is None, cancel_futures=True)

    def all_left(self) -> bool:
        """Has every customer come and gone?"""
        with self._lock:
            return self.arrived == self._count and not self._busy and not self._later

    def later(self, seconds: float, deed: Deed) -> None:
        """The customer, or a bank, does something when this time is over; a failed deed is tried again."""
        with self._lock:
            heapq.heappush(self._later, (time.monotonic() + seconds, next(self._numbers), deed))

    def bank(self, path: str, **fields: object) -> bool:
        """What a bank or a person does at the provider, through its control API; False if the provider is away."""
        try:
            with requests.Session() as http:
                http.trust_env = False
                answer = http.post(f"{self.sandbox_url}/control/{path}", json=fields, timeout=10)
        except requests.RequestException:
            return False
        return answer.status_code < 500

    def at_provider(self, payment: str) -> dict[str, Any] | None:
        """The payment in the provider's books; None if the provider is away."""
        try:
            with requests.Session() as http:
                http.trust_env = False
                key = {"Authorization": f"Bearer {SANDBOX_KEY}"}
                answer = http.get(f"{self.sandbox_url}/v1/payments/{payment}", headers=key, timeout=10)
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

    def _arrive(self, number: int) -> None:
        with self._lock:
            wait_s = max(0.0, self._next_at - time.monotonic())
            self._next_at = time.monotonic() + wait_s + self._gap_s
            self._busy += 1
        if not self.leaving.wait(wait_s):
            self.arrived = max(self.arrived, number)
            Customer(number, self).visit()
        with self._lock:
            self._busy -= 1

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
