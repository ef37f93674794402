"""Ids of providers: what an answer may call one, and how a call has it in its path."""

import ast
from pathlib import Path

import pytest

from billing.errors import BadAnswer
from billing.providers import sandbox, yookassa
from billing.providers.ids import Ids
from billing.providers.paypal import answers as paypal
from billing.providers.stripe import answers as stripe

PROVIDERS = Path(sandbox.__file__).parent
GOOD = {
    "sandbox": (sandbox.IDS, "sb_3P9ymvXYKw9hUfXYJNFWbw"),
    "yookassa": (yookassa.IDS, "2d5d1b1e-000f-5000-8000-1b2c3d4e5f60"),
    "stripe": (stripe.IDS, "cs_test_a1B2c3"),
    "paypal": (paypal.IDS, "5O190127TN364715T"),
}
HOSTILE: tuple[object, ...] = (
    "../../admin",
    "..",
    ".",
    "",
    "a/b",
    "a?b=1",
    "a#b",
    "a%2fb",
    "a\\b",
    "a b",
    "a\n",
    "é",
    "x" * 201,
    17,
    None,
    {},
)

each_provider = pytest.mark.parametrize("name", GOOD)


@each_provider
@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_an_answer_with_another_id_is_not_believed(name: str, value: object) -> None:
    """It would be stored, and later stand in a path."""
    ids, _good = GOOD[name]
    with pytest.raises(BadAnswer, match="the field 'id' is no id of this provider"):
        ids.read({"id": value})


@each_provider
def test_an_id_stands_in_a_path_as_it_is(name: str) -> None:
    """As the provider wrote it."""
    ids, good = GOOD[name]
    assert ids.read({"id": good}) == good
    assert ids.path("/v1/payments/{}/cancel", good) == f"/v1/payments/{good}/cancel"


def test_what_a_pattern_lets_through_is_quoted() -> None:
    """A second line behind the first."""
    assert Ids(".*").path("/v1/{}/{}", "../a?b", "c#d") == "/v1/..%2Fa%3Fb/c%23d"


def test_no_call_builds_a_path_by_itself() -> None:
    """Each id passes `Ids.path`."""
    found = [
        f"{path.name}:{node.lineno}"
        for path in PROVIDERS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.JoinedStr)
        and str(getattr(node.values[0], "value", "")).startswith("/")
        and len(node.values) > 1
    ]
    assert found == []
