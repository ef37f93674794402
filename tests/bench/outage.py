"""One of two providers is away, with thousands of payments pending at each: what does the other notice of it, and what
is left afterwards?

Both stand-ins count their own calls. They tell nothing by callbacks: whatever comes to light was found by asking.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg

from billing.sandbox import SandboxServer
from billing.sandbox.merchant import read_draft
from billing.sandbox.messages import Request
from billing.sandbox.records import Claim
from billing.sandbox.storage import Entry, Journal
from tests.stack.ports import wait_until
from tests.stack.processes import Program
from tests.system.house import COMMANDS, ROOT, START_S, House

ACCOUNTS = ("away", "other")
"""Not the house's own: what earlier tests left there is none of this drill's business."""

YOUNG_S = 300
NEWCOMERS = 0.02
"""Customers who come while the provider is away, as a share of the payments pending there."""


@dataclass(frozen=True)
class Plan:
    """How large it is. Times are seconds; limits are calls per second to each account."""

    payments: int = 5_000
    outage_s: float = 600
    kind: str = "hang"
    limit_per_s: int = 200
    slow_track_s: float = 60
    patience_s: float = 300


@dataclass
class Found:
    """What came of it."""

    lags_s: list[float] = field(default_factory=list)
    """How late the other's most overdue payment was, five times a second, until all was settled where one was away."""
    rush_lags_s: list[float] = field(default_factory=list)
    """The same after that, while all payments at the other were paid in one moment."""
    calls_during: int = 0
    """Calls to the provider while it was away."""
    busiest_s: dict[str, int] = field(default_factory=dict)
    busiest_10_s: dict[str, int] = field(default_factory=dict)
    """Calls to each account in its busiest second, and ten seconds."""
    settled_after_s: float = 0
    """From the end of the outage until all was known that had been paid meanwhile."""
    newcomers_after_s: float = 0
    """The same for those who came last."""
    statuses: dict[str, int] = field(default_factory=dict)
    attention: int = 0
    most_errors: int = 0
    due_for_ever: int = 0


class Tally(Journal):
    """Remembers the moment of every call, however many there were."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: list[float] = []

    def note(self, request: Request, payment: str | None) -> Entry:
        self.moments.append(time.monotonic())
        return super().note(request, payment)

    def busiest(self, seconds: float) -> int:
        """The most calls in any stretch of so many seconds."""
        most, first, moments = 0, 0, sorted(self.moments)
        for last, moment in enumerate(moments):
            while moments[first] <= moment - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


class Drill:
    """A worker and a scheduler of its own, in a house whose own parts do not run."""

    def __init__(self, house: House, plan: Plan) -> None:
        self.house, self.plan, self.found = house, plan, Found()
        self.servers = {account: SandboxServer() for account in ACCOUNTS}
        self.tallies = {account: Tally() for account in ACCOUNTS}

    def run(self) -> Found:
        """All of it."""
        with ExitStack() as parts:
            for account, server in self.servers.items():
                parts.enter_context(server)
                server.callbacks(lose_all=True)
                server.journal = self.tallies[account]
            refs = {account: self._write_payments(account, self.plan.payments, age_s=3_000) for account in ACCOUNTS}
            for program in self._programs():
                parts.enter_context(program)
            wait_until(lambda: all(tally.moments for tally in self.tallies.values()), "both were asked", START_S)
            wait_until(self._nobody_is_late, "what had waited for the start was done", self.plan.patience_s)
            with self._watching(self.found.lags_s):
                self._go_through_the_outage(refs["away"])
            with self._watching(self.found.rush_lags_s):
                self._pay("other", refs["other"])
                self._wait_until_succeeded("other", refs["other"])
        return self._judge()

    def _nobody_is_late(self) -> bool:
        return all(lag < 1 for _, lag in self.house.sql(LAG))

    def _go_through_the_outage(self, refs: Sequence[str]) -> None:
        server, tally, plan = self.servers["away"], self.tallies["away"], self.plan
        before, ends_at = len(tally.moments), time.monotonic() + plan.outage_s
        server.outage(plan.kind, plan.outage_s)
        self._pay("away", refs)
        time.sleep(max(0.0, ends_at - time.monotonic() - 5))
        newcomers = self._write_payments("away", max(1, int(plan.payments * NEWCOMERS)), age_s=1)
        self._pay("away", newcomers)
        time.sleep(max(0.0, ends_at - time.monotonic()))
        self.found.calls_during = len(tally.moments) - before

        ended = time.monotonic()
        self._wait_until_succeeded("away", newcomers)
        self.found.newcomers_after_s = time.monotonic() - ended
        self._wait_until_succeeded("away", refs)
        self.found.settled_after_s = time.monotonic() - ended

    def _pay(self, account: str, refs: Sequence[str]) -> None:
        for ref in refs:
            self.servers[account].act(ref, "pay")

    def _wait_until_succeeded(self, account: str, refs: Sequence[str]) -> None:
        count = "SELECT count(*) FROM billing_payment WHERE account = %s AND status = 'succeeded'"
        count += " AND provider_ref = ANY(%s)"
        wait_until(
            lambda: self.house.sql(count, account, list(refs)) == [(len(refs),)],
            f"{len(refs)} payments at {account} were settled", self.plan.patience_s,
        )  # fmt: skip

    def _write_payments(self, account: str, number: int, age_s: float) -> list[str]:
        """Known to the stand-in and to the shop; the old ones come due one after the other."""
        refs = [self._create(account, f"{account}-{age_s:.0f}-{each}") for each in range(number)]
        spread_s = self.plan.slow_track_s if age_s > YOUNG_S else 0
        self.house.sql(WRITE, account, age_s, spread_s, refs)
        return refs

    def _create(self, account: str, reference: str) -> str:
        amount = {"value": "4.50", "currency": "EUR"}
        draft = read_draft({"amount": amount, "reference": reference, "description": "", "return_url": ""})
        return self.servers[account].ledger.create(Claim(f"key-{reference}", reference), draft)[0].id

    def _programs(self) -> Iterator[Program]:
        """Each is ready before the next is started."""
        environment = self.house.environment | {
            "PAYMENT_ACCOUNTS": ",".join(f"{account}:sandbox" for account in ACCOUNTS),
            "PAYMENT_ACCOUNT": "away",
            **{f"{account.upper()}_URL": server.url for account, server in self.servers.items()},
            **{f"{account.upper()}_RATE_LIMIT_PER_S": str(self.plan.limit_per_s) for account in ACCOUNTS},
            "FAST_TRACK_INTERVAL_S": "5",
            "SLOW_TRACK_INTERVAL_S": str(self.plan.slow_track_s),
            "PAYMENT_API_TIMEOUT_S": "3",
        }
        for name in ("worker", "scheduler"):
            log = self.house.directory / f"outage-{name}.log"
            yield Program(name, COMMANDS[name](self.house), environment, ROOT, log)

    @contextmanager
    def _watching(self, lags_s: list[float]) -> Iterator[None]:
        stop = threading.Event()
        watch = threading.Thread(target=self._watch, args=(lags_s, stop))
        watch.start()
        try:
            yield
        finally:
            stop.set()
            watch.join()

    def _watch(self, lags_s: list[float], stop: threading.Event) -> None:
        with psycopg.connect(self.house.postgres.url_of("shop"), autocommit=True) as connection:
            while not stop.wait(0.2):
                lags: dict[str, float] = dict(connection.execute(LAG).fetchall())
                lags_s.append(float(lags.get("other", 0)))

    def _judge(self) -> Found:
        found, sql = self.found, self.house.sql
        found.busiest_s = {account: tally.busiest(1) for account, tally in self.tallies.items()}
        found.busiest_10_s = {account: tally.busiest(10) for account, tally in self.tallies.items()}
        own = "FROM billing_payment WHERE account = ANY(%s)"
        found.statuses = dict(sql(f"SELECT status, count(*) {own} GROUP BY 1", list(ACCOUNTS)))
        [(found.attention, found.most_errors, found.due_for_ever)] = sql(
            f"SELECT count(*) FILTER (WHERE attention <> ''), max(errors), count(next_check_at) {own}", list(ACCOUNTS)
        )
        return found


WRITE = """
    INSERT INTO billing_payment (
        account, provider_ref, reference, idempotency_key, amount_minor, currency, description, return_url, pay_url,
        status, raw_status, reason, attention, attention_note, found_by, claims, errors, asked_by,
        created_at, window_ends_at, next_check_at
    )
    SELECT account, ref, account || '-' || age_s::int || '-' || number - 1, ref, 450, 'EUR', '', '', '',
        'pending', 'pending', '', '', '', '', 0, 0, '',
        now() - make_interval(secs => age_s), now() + interval '2 hours',
        now() + make_interval(secs => random() * spread_s)
    FROM (SELECT %s::text AS account, %s::float AS age_s, %s::float AS spread_s) AS facts,
        unnest(%s::text[]) WITH ORDINALITY AS known (ref, number)
"""

LAG = """
    SELECT account, extract(epoch FROM max(now() - next_check_at))
    FROM billing_payment WHERE next_check_at <= now() GROUP BY account
"""
