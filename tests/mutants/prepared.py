"""A copy of this process in which the project is set up and all tests of a suite are collected.

Most changes are inside of a function. Such a function gets other code in a fork of this copy, which begins with the
first test: nothing is imported anew. What runs when a module is imported cannot be changed so; `trial` does that.
"""

import importlib
import inspect
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, TextIO

import pytest

from tests.mutants import copies

Run = Callable[[Sequence[object]], int]
"""Runs all the tests of a suite, with these plugins; returns pytest's exit code."""


def changed_function(before: str, after: str) -> str | None:
    """The qualified name of the one function whose code is all that differs; None if something else does.

    A function that has lost its only `super()`, and with it a free variable, cannot be given that code.
    """
    old, new = functions(before), functions(after)
    if old.keys() != new.keys():
        return None
    names = [name for name in old if old[name] != new[name]]
    if len(names) != 1 or "<" in names[0] or old[names[0]].co_freevars != new[names[0]].co_freevars:
        return None
    return names[0]


def functions(source: str, path: str = "") -> dict[str, CodeType]:
    """Every function of the module and of its classes, by its qualified name."""
    return _functions_in(compile(source, path, "exec"))


@dataclass(frozen=True)
class Answer:
    """What became of a trial: pytest's exit code, None if it took too long, and the test that failed."""

    code: int | None
    failed: str


class Prepared:
    """It waits for questions until this process ends."""

    def __init__(self, run: Run) -> None:
        (theirs, ours), (answers, told) = os.pipe(), os.pipe()
        self._scratch = copies.scratch()
        copies.start(
            lambda: run([_Waiting(os.fdopen(theirs), os.fdopen(told, "w"))]), self._scratch.name, (ours, answers)
        )
        os.close(theirs)
        os.close(told)
        self._questions, self._answers = os.fdopen(ours, "w"), os.fdopen(answers)

    def tries(self, path: str, function: str, source: str, limits_s: Mapping[str, float]) -> Answer:
        """Run these tests, until one fails or takes longer than its limit, with the function as the source has it."""
        print(json.dumps([path, function, source, limits_s]), file=self._questions, flush=True)
        answer = self._answers.readline()
        if not answer:
            raise RuntimeError("the prepared copy has ended")
        return Answer(*json.loads(answer))


class _Waiting:
    """A pytest plugin that does what it is asked, when the tests are collected and would be run."""

    def __init__(self, questions: TextIO, answers: TextIO) -> None:
        self._questions, self._answers = questions, answers

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        for question in self._questions:
            path, function, source, limits_s = json.loads(question)
            chosen = {items[test]: limit_s for test, limit_s in limits_s.items()}
            limit_s = sum(limits_s.values())
            code, failed = copies.run(lambda told: _try(path, function, source, chosen, told), limit_s)  # noqa: B023
            print(json.dumps([code, failed]), file=self._answers, flush=True)
        return True


# --- in a fork of it -------------------------------------------------------------------------------------------------


def _try(path: str, function: str, source: str, limits_s: Mapping[pytest.Item, float], told: Path) -> int:
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    _function(module, function).__code__ = functions(source, str(Path(path).resolve()))[function]
    items = list(limits_s)
    for item, following in zip(items, [*items[1:], None], strict=True):
        signal.setitimer(signal.ITIMER_REAL, limits_s[item])
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if item.session.testsfailed:
            told.write_text(item.nodeid)
            return int(pytest.ExitCode.TESTS_FAILED)
    return int(pytest.ExitCode.OK)


def _function(holder: Any, name: str) -> FunctionType:
    """What was written with `def`, below properties and decorators."""
    first, _, rest = name.partition(".")
    found = inspect.getattr_static(holder, first)
    if rest:
        return _function(found, rest)
    with suppress(AttributeError):
        found = found.fget
    with suppress(AttributeError):
        found = found.__func__
    unwrapped: FunctionType = inspect.unwrap(found)
    return unwrapped


def _functions_in(code: CodeType) -> dict[str, CodeType]:
    found: dict[str, CodeType] = {}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            is_function = inner.co_flags & inspect.CO_NEWLOCALS
            found |= {inner.co_qualname: inner} if is_function else _functions_in(inner)
    return found
