"""What workers do, and fail to do: sweeps, claims whose worker dies or comes back late, restarts, and time."""

from collections.abc import Callable
from typing import Any

from django.db.models import Q
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from billing.callbacks import inbox
from billing.models import AskedBy
from billing.payments import sweep
from billing.payments.check import check, record
from billing.refunds import follow
from commerce import orders, payment_links, settlement
from config.due.queue import DueRow, database_now
from tests.money.scene import Scene, picked, picks
from tests.money.world import DAY, HOUR, KINDS, MINUTE, Claimed

SWEEPS: dict[str, Callable[[], int]] = {
    "payments": lambda: sweep.check_due("sandbox", 5),
    "refunds": lambda: follow.follow_due("sandbox", 5),
    "settlements": settlement.settle_due,
    "expiries": orders.expire_due,
    "reminders": payment_links.remind_due,
}

WRITERS: dict[str, Callable[[Any], object]] = {
    "callbacks": inbox._process,
    "settlements": settlement._settle,
    "expiries": orders._expire,
}
"""What ask nobody: all of their work is a write."""

GAPS_S = st.sampled_from([6, MINUTE, MINUTE, 15 * MINUTE, HOUR, HOUR, DAY])


class Workers(Scene):
    """Sweeps in any order, and any number of workers that die or are slow."""

    @rule(kind=st.sampled_from(sorted(SWEEPS)))
    def sweeps(self, kind: str) -> None:
        SWEEPS[kind]()

    @rule()
    def processes_callbacks(self) -> None:
        self.world.process_callbacks()

    @rule()
    def sweeps_all(self) -> None:
        self.world.shop.sweep()

    @rule(seconds=GAPS_S, works=st.booleans())
    def lets_time_pass(self, seconds: int, works: bool) -> None:
        self.world.let_time_pass(seconds)
        if works:
            self.world.shop.sweep()

    @rule()
    def compares_with_the_providers_list(self) -> None:
        self.world.reconcile()

    @rule(pick=picks)
    def claims(self, pick: int) -> None:
        """And asks, where there is somebody to ask; whether the worker ever comes back is another rule."""
        self._claim(pick)

    @precondition(lambda self: self.world.claimed)
    @rule(pick=picks)
    def writes_late(self, pick: int) -> None:
        claimed = picked(self.world.claimed, pick)
        self.world.claimed.remove(claimed)
        self._write_late(claimed)

    @rule(pick=picks, seconds=GAPS_S)
    def is_overtaken(self, pick: int, seconds: int) -> None:
        """Claims, sleeps until the sweep has done the work, and comes back to write."""
        claimed = self._claim(pick)
        self.world.let_time_pass(seconds)
        self.world.shop.sweep()
        if claimed:
            self.world.claimed.remove(claimed)
            self._write_late(claimed)

    @rule()
    def restarts(self) -> None:
        self.world.restart()

    def _claim(self, pick: int) -> Claimed | None:
        """Somebody has clicked, so that there is more to claim than what is due by itself."""
        for name in ("payments", "refunds"):
            KINDS[name].make_due(Q(), AskedBy.OPERATOR)
        now = database_now()
        due = [(name, row) for name, kind in KINDS.items() if name != "mails" for row in kind.due(now)]
        if not due:
            return None
        name, row = picked(due, pick)
        held = KINDS[name].claim_one(row.pk)
        assert held, f"{row} was due"
        self.world.claimed.append(Claimed(name, held, _ask(name, held)))
        return self.world.claimed[-1]

    def _write_late(self, claimed: Claimed) -> None:
        """Whoever lost the claim meanwhile changes nothing."""
        kind, before = KINDS[claimed.kind], self.world.shop.fresh(claimed.row)
        was_lost = kind.due_time(before) != kind.due_time(claimed.row)
        _write(claimed)
        after = self.world.shop.fresh(claimed.row)
        assert not was_lost or _values(after) == _values(before), f"{before} was changed by whoever had lost it"


def _ask(name: str, row: Any) -> Any:
    if name == "payments":
        return check(row, database_now())
    return follow._ask(row) if name == "refunds" else None


def _write(claimed: Claimed) -> None:
    if claimed.kind == "payments":
        record([claimed.found])
    elif claimed.kind == "refunds":
        KINDS["refunds"].work_on(claimed.row, lambda row: follow._record(row, claimed.found))
    else:
        KINDS[claimed.kind].work_on(claimed.row, WRITERS[claimed.kind])


def _values(row: DueRow) -> dict[str, object]:
    return {name: value for name, value in vars(row).items() if not name.startswith("_")}
