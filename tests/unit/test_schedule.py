"""The schedule, the actors and the nudges between them fit together."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dramatiq
import pytest
from django.conf import settings

from actors.kinds import Kind
from actors.operations.queries.schedule import missed_at
from actors.scheduling.periods import DAY_S, Cron
from actors.scheduling.table import Entry, attach, entries
from actors.shop import SHOP

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("actors", "billing", "commerce", "config")

ACTORS = {name: dramatiq.get_broker().get_actor(name) for name in dramatiq.get_broker().get_declared_actors()}


@dataclass(frozen=True)
class Nudge:
    """A call of `nudge` in the source."""

    where: str
    actor: str | None  # None: not written out as a name
    arguments: int

    def __str__(self) -> str:
        return f"{self.where} {self.actor}"


def nudges() -> Iterator[Nudge]:
    """Every call in the source of the rooms."""
    for room in ROOMS:
        sources = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / room).rglob("*.py"))}
        for path, source in ((path, source) for path, source in sources.items() if "nudge(" in source):
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "nudge":
                    name = node.args[0]
                    known = isinstance(name, ast.Constant) and isinstance(name.value, str)
                    where = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield Nudge(where, name.value if known else None, len(node.args) - 1)  # type: ignore[attr-defined]


NUDGES = list(nudges())


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.actor)
def test_every_entry_has_its_actor(entry: Entry) -> None:
    """And the actor can be called as the scheduler calls it: without arguments."""
    inspect.signature(ACTORS[entry.actor].fn).bind()


def test_every_entry_is_there_once() -> None:
    """The name is the key of the tick ledger."""
    names = [entry.actor for entry in entries()]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.actor)
def test_a_missed_tick_has_a_window(entry: Entry) -> None:
    """Long enough for a scheduler that is started again, and no longer than a day."""
    assert timedelta(seconds=10) <= entry.catch_up <= timedelta(seconds=DAY_S)


THREE = datetime(2026, 3, 29, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "hours_later", "missed"),
    [
        (None, 0.005, False),  # in a new shop; and so it is 18 seconds later
        (None, 0.1, True),
        (None, 11.9, True),
        (None, 12.1, False),
        (THREE - timedelta(days=1), 0.005, False),
        (THREE - timedelta(days=1), 12.1, True),
        (THREE, 12.1, False),
    ],
)
def test_a_tick_is_missed_unless_the_shop_is_younger(last: datetime | None, hours_later: float, missed: bool) -> None:
    """What no scheduler would catch up any more, and none had ever fired, is nobody's fault."""
    daily = Entry("cleanup_old_carts", Cron("0 3 * * *"), catch_up=timedelta(hours=12))

    found = missed_at(daily, last, THREE + timedelta(hours=hours_later))

    assert found == (THREE if missed else None)


def test_the_scheduler_finds_each_period_on_its_actor() -> None:
    """Where periodiq looks for it."""
    attached = {actor.actor_name: actor.options["periodic"] for actor in attach()}

    assert attached == {entry.actor: entry.period for entry in entries()}


def test_the_promise_is_kept_by_sweeps() -> None:
    """Every kind of slow work is found by a sweep, whoever lost a message about it."""
    sweeps = {"check_pending_payments", "process_waiting_callbacks", "settle_orders", "send_pending_emails"}

    assert sweeps | {"expire_orders"} <= {entry.actor for entry in entries()}


@pytest.mark.parametrize("name", sorted(ACTORS))
def test_every_actor_has_its_limits(name: str) -> None:
    """None of Dramatiq's defaults: 20 retries over days, ten minutes of work, and no age at all."""
    actor = ACTORS[name]

    assert actor.queue_name in ("urgent", "routine")
    for option in ("max_retries", "min_backoff", "max_backoff", "time_limit", "max_age"):
        assert isinstance(actor.options.get(option), int), option
    assert actor.options["max_retries"] <= 3
    assert actor.options["min_backoff"] <= actor.options["max_backoff"] <= actor.options["time_limit"]
    assert actor.options["time_limit"] <= 10 * 60_000


@pytest.mark.parametrize("name", sorted(ACTORS))
def test_every_actor_says_what_it_does(name: str) -> None:
    """In a sentence, where it is declared."""
    assert (inspect.getdoc(ACTORS[name].fn) or "").strip().partition("\n")[0].endswith((".", ":"))


def test_the_source_nudges() -> None:
    """Or the tests below would be about nothing."""
    assert len(NUDGES) >= 8


@pytest.mark.parametrize("nudge", [nudge for nudge in NUDGES if nudge.actor], ids=str)
def test_every_nudge_fits_its_actor(nudge: Nudge) -> None:
    """A name that nobody has, or an argument too many, would be noticed only in production."""
    inspect.signature(ACTORS[nudge.actor or ""].fn).bind(*range(nudge.arguments))


def test_few_places_nudge_by_a_name_that_is_not_written_out() -> None:
    """The scheduler's names are those of the table, as are the console's; its sweeps, and billing's setting, below."""
    places = {nudge.where.partition(":")[0] for nudge in NUDGES if nudge.actor is None}

    assert places == {
        "actors/console/actions.py",
        "actors/operations/actions.py",
        "actors/scheduling/scheduler.py",
        "billing/outbox.py",
        "billing/polling.py",
    }


@pytest.mark.parametrize("kind", SHOP.kinds, ids=lambda kind: kind.name)
def test_the_sweep_of_each_kind_of_work_stands_in_the_schedule(kind: Kind) -> None:
    """So it can be nudged, as the console does, without arguments."""
    assert kind.sweep in {entry.actor for entry in entries()}


def test_the_actor_that_settles_can_be_nudged() -> None:
    """As billing does it: without arguments, for it claims what is due."""
    inspect.signature(ACTORS[settings.PAYMENT_SETTLING_ACTOR].fn).bind()
