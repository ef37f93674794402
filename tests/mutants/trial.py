"""Running tests on a changed module, in a copy of this process.

A fork, because most of a short test run is the import of libraries and of the project. Where only a function is
changed, that is done in a copy that has imported everything (`prepared`). Otherwise the copy has imported the libraries
alone, and reads the changed text where the module's file would be read. Each has a database made without migrations.
"""

import ast
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from itertools import islice
from pathlib import Path
from types import CodeType

import coverage
import pytest

from tests.mutants import copies
from tests.mutants.prepared import Answer, Prepared, changed_function, functions

OURS = frozenset({"config", "billing", "commerce", "actors", "tests"})

COMMON = ("-x", "-q", "--assert=plain", "-p", "no:cacheprovider")
WITH_DATABASE = (*COMMON, "-p", "pytest_django.plugin", "--no-migrations")
WITHOUT_DJANGO = (*COMMON, "--noconftest", "--config-file", os.devnull, "--rootdir", ".")

FAILED = frozenset(
    {
        pytest.ExitCode.TESTS_FAILED,
        pytest.ExitCode.INTERRUPTED,
        pytest.ExitCode.INTERNAL_ERROR,
        pytest.ExitCode.USAGE_ERROR,
    }
)
"""A test failed, or the changed module could not even be imported. No tests at all would be a mistake of ours."""

PATIENCE_S = 20.0
"""A change that makes a test so much longer than it is has been noticed."""


@dataclass(frozen=True)
class Suite:
    """The tests that some modules are held to, and how they are run."""

    tests: tuple[str, ...]
    options: tuple[str, ...]

    def run(self, tests: Sequence[str], plugins: Sequence[object] = ()) -> int:
        """These tests of it, here and now; returns pytest's exit code."""
        return pytest.main([*self.options, *tests], plugins=plugins)


@dataclass(frozen=True)
class Reach:
    """What the unchanged modules showed: which tests reach which line, and how long each test takes."""

    suite: Suite
    seconds: dict[str, float]
    by_line: dict[str, dict[int, list[str]]]
    prepared: Prepared
    noticed: list[str] = field(default_factory=list)
    """The tests that noticed a change, the last one at the end."""

    def tests_of(self, path: str, lines: Iterable[int]) -> list[str]:
        """Those that reach one of the lines; all, for what runs at import.

        First whoever noticed something last, because it is often the same test that notices the next change of a
        function; then the quickest.
        """
        reached = {test for line in lines for test in self.by_line[path].get(line, [])}
        noticed = {test: place for place, test in enumerate(self.noticed, 1)}
        tests = self.seconds if "" in reached else reached
        return sorted(tests, key=lambda test: (-noticed.get(test, 0), self.seconds[test]))


def reach_of(paths: Sequence[str], suite: Suite) -> Reach:
    """Run the suite on the modules as they are, and import the libraries that it took. Raises if a test fails."""
    code, report = copies.run(lambda told: _watched(paths, suite, told), limit_s=3600.0)
    if code != pytest.ExitCode.OK:
        raise SystemExit("The tests fail on the unchanged modules; run them with pytest to see why.")
    found = json.loads(report)
    for name in found["modules"]:
        with suppress(Exception):  # models of Django's own apps can only be imported when the project is set up
            importlib.import_module(name)
    gc.freeze()
    by_line = {path: {int(line): names for line, names in lines.items()} for path, lines in found["by_line"].items()}
    prepared = Prepared(lambda plugins: suite.run(suite.tests, plugins))
    return Reach(suite, found["seconds"], by_line, prepared)


def check_trials(path: str, reach: Reach) -> None:
    """A module that only looks different must survive. Raises if it does not: then trials here prove nothing."""
    quickest = sorted(reach.seconds, key=lambda test: reach.seconds[test])[:1]
    source = ast.unparse(ast.parse(Path(path).read_text()))
    for function in [None, *islice(functions(source), 1)]:
        if _tried(path, function, source, quickest, reach).code != pytest.ExitCode.OK:
            raise SystemExit(f"{path} does not survive unchanged: the trials prove nothing.")


def survives(path: str, source: str, tests: Sequence[str], reach: Reach) -> bool:
    """Do all of the tests pass on the changed module?"""
    function = changed_function(ast.unparse(ast.parse(Path(path).read_text())), source)
    answer = _tried(path, function, source, tests, reach)
    if answer.code not in FAILED | {pytest.ExitCode.OK, None}:
        raise RuntimeError(f"the tests of a change of {path} ended with {answer.code}")
    if answer.failed in reach.seconds:
        reach.noticed.append(answer.failed)
    return answer.code == pytest.ExitCode.OK


def _tried(path: str, function: str | None, source: str, tests: Sequence[str], reach: Reach) -> Answer:
    limits_s = [PATIENCE_S + 10 * reach.seconds[test] for test in tests]
    if function:
        return reach.prepared.tries(path, function, source, dict(zip(tests, limits_s, strict=True)))
    return Answer(*copies.run(lambda told: _changed(path, source, tests, reach.suite, told), sum(limits_s)))


# --- in the copy -----------------------------------------------------------------------------------------------------


class _Watch:
    """A pytest plugin that says which test is running, and how long it took."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self.seconds: dict[str, float] = {}
        self._measured = measured

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._measured.switch_context(item.nodeid)
        started_at = time.monotonic()
        outcome = yield
        self.seconds[item.nodeid] = time.monotonic() - started_at
        return outcome


class _Failures:
    """A pytest plugin that says which test failed, where the copy leaves nothing else behind."""

    def __init__(self, report: Path) -> None:
        self._report = report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._report.write_text(report.nodeid)


def _watched(paths: Sequence[str], suite: Suite, report: Path) -> int:
    measured = coverage.Coverage(data_file=None, include=list(paths), config_file=False)
    watch = _Watch(measured)
    with measured.collect():
        code = suite.run(suite.tests, [watch])
    data = measured.get_data()
    by_line = {path: data.contexts_by_lineno(str(Path(path).resolve())) for path in paths}
    modules = [name for name in sys.modules if _is_a_library(name)]
    report.write_text(json.dumps({"seconds": watch.seconds, "by_line": by_line, "modules": modules}))
    return code


def _is_a_library(name: str) -> bool:
    """pytest wants to import its plugins itself, and `__main__` is us."""
    return name.partition(".")[0] not in OURS and not name.startswith(("_", "pytest", "hypothesis", "xdist", "test_"))


def _changed(path: str, source: str, tests: Sequence[str], suite: Suite, told: Path) -> int:
    """Run with another text for this one module than its file has."""
    changed, read = str(Path(path).resolve()), SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, name: str) -> CodeType | None:
        if loader.path != changed:
            return read(loader, name)
        code: CodeType = compile(source, changed, "exec", dont_inherit=True)
        return code

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]
    try:
        return suite.run(tests, [_Failures(told)])
    except Exception:  # raised before pytest was set up: the change cannot even be imported
        return int(pytest.ExitCode.INTERNAL_ERROR)
