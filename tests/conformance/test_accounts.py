"""Two shops, two keys, one process."""

from itertools import pairwise

import pytest
from pytest_django.fixtures import Settings

from tests.conformance.accounts import mix
from tests.conformance.cases import CASES
from tests.conformance.cases.case import StandInCase

STAND_INS = [case for case in CASES.values() if issubclass(case, StandInCase)]

CALLS = 600
"""`make bench` makes 10,000 of them."""


@pytest.mark.parametrize("kind", STAND_INS, ids=lambda case: case.provider)
def test_no_call_goes_out_with_the_other_accounts_key(kind: type[StandInCase], settings: Settings) -> None:
    """Counted where they arrive, with 32 threads that take turns, as fast as they can."""
    with kind() as case:
        found = mix(case, CALLS)

    assert found.calls == (CALLS // 2, CALLS // 2)
    assert found.with_a_wrong_key == 0


def test_the_list_of_accounts_has_no_twins() -> None:
    """The test above would find nothing if both accounts were the same."""
    for kind in STAND_INS:
        with kind() as case:
            assert all(one != other for one, other in pairwise([case.options(0), case.options(1)]))
