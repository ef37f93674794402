"""What all the rules stand on: the world, the books as they were and as they are, and a choice among rows."""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition

from commerce.errors import NotEnough
from tests.money.beginnings import BEGINNINGS, begin
from tests.money.books import Books
from tests.money.invariants import INVARIANTS
from tests.money.world import World

T = TypeVar("T")
Precondition = Callable[[Callable[..., None]], Callable[..., None]]

picks = st.integers(0, 5)
"""Which of the rows that a rule may be about: see `picked`."""


def picked(rows: Sequence[T], pick: int) -> T:
    """One of them, whatever the number; they are never more than a few."""
    return rows[pick % len(rows)]


def some(rows: Callable[[Books], object]) -> Precondition:
    """The rule is only possible while the books have such rows."""
    return precondition(lambda scene: bool(rows(scene.now)))


class Scene(RuleBasedStateMachine):
    """Begins with an empty shop, and ends when it is quiet."""

    make_world: Callable[[], World]
    """To be told by a subclass."""

    now: Books

    def __init__(self) -> None:
        super().__init__()
        self.world = self.make_world()
        self.was = self.now = self.world.books()

    @initialize(
        policy=st.sampled_from(["accept", "park", "refund"]),
        beginnings=st.lists(st.sampled_from(sorted(BEGINNINGS)), min_size=2, max_size=3),
    )
    def the_shop_opens(self, policy: str, beginnings: list[str]) -> None:
        self.world.settings.LATE_MONEY_POLICY = policy
        for beginning in beginnings:
            with suppress(NotEnough):
                begin(self.world, beginning)

    @invariant()
    def what_always_holds_holds(self) -> None:
        """After each step."""
        self.was, self.now = self.now, self.world.books()
        assert_all_holds(self.world, self.was, self.now, quiet=False)

    def teardown(self) -> None:
        """Only a run that has gone well so far is brought to its quiet end: the first failure is the one to tell."""
        try:
            if sys.exception() is None:
                end_quietly(self.world)
        finally:
            self.world.close()


def assert_all_holds(world: World, was: Books, now: Books, *, quiet: bool) -> None:
    """Every line of the list, and no bug that was only logged."""
    for holds in INVARIANTS:
        holds(was, now, quiet)
    assert not world.bugs(), world.bugs()


def end_quietly(world: World) -> None:
    """Let it become quiet; then all that must hold holds, and each mail came once."""
    was = world.books()
    world.quiet_down()
    assert not world.still_due(), f"a sweep has left {world.still_due()} undone"
    now = world.books()
    assert_all_holds(world, was, now, quiet=True)
    wanted = sorted(mail.message_id for mail in now.notifications)
    assert wanted == sorted(world.mails_delivered()), "a mail came twice, or not at all"
