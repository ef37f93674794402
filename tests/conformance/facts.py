"""Tests for each fact of each provider's contract."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.cases import CASES, Case


def each(facts: Callable[[type[Case]], Any]) -> list[Any]:
    """One test for each fact of each provider, with the provider's name in front."""
    return [
        pytest.param(name, fact, id=f"{name}-{fact[0] if isinstance(fact, tuple) else fact}")
        for name, case in sorted(CASES.items())
        for fact in facts(case)
    ]


def with_facts(name: str, facts: Callable[[type[Case]], Any]) -> pytest.MarkDecorator:
    """Parametrize `case` and one fact of it together."""
    return pytest.mark.parametrize(("case", name), each(facts), indirect=["case"])
