"""Whatever happens, in whatever order: what always holds, holds."""

import os
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as profile
from hypothesis.stateful import run_state_machine_as_test

from tests.money.beginnings import BEGINNINGS, begin
from tests.money.machine import MoneyMachine
from tests.money.scene import end_quietly
from tests.money.world import World

COMMON = profile(deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True)

EVERY_TIME = profile(COMMON, max_examples=10, stateful_step_count=20, derandomize=True)
"""The same sequences in each run, in a few seconds: a failure is the change's fault, and comes again."""

FUZZ_MINUTES = float(os.environ.get("FUZZ_MINUTES", "0"))

DEEP = profile(COMMON, max_examples=50, stateful_step_count=80)
"""A round of `make fuzz`: others each time."""


def test_what_always_holds_holds(make_world: Callable[[], World]) -> None:
    """Every invariant of the README after each step, and all of it once it is quiet."""
    machine = type("Machine", (MoneyMachine,), {"make_world": staticmethod(make_world)})
    if not FUZZ_MINUTES:
        run_state_machine_as_test(machine, settings=EVERY_TIME)
    ends_at = time.monotonic() + 60 * FUZZ_MINUTES
    while time.monotonic() < ends_at:
        run_state_machine_as_test(machine, settings=DEEP)


@pytest.mark.parametrize("beginning", sorted(BEGINNINGS))
def test_each_beginning_comes_to_a_quiet_end(world: World, beginning: str) -> None:
    """Whatever chance picks for the machine, each of these is tried."""
    begin(world, beginning)

    end_quietly(world)
