"""Running tests on a changed module, in a copy of this process that has imported nothing of the project yet.

A fork, because most of a short test run is the import of libraries: they are imported once, and each copy begins with
the project's own modules. It reads the changed text where the module's file would be read, and has a database made
without migrations and a directory of its own, in memory where there is one.
"""

import ast
import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import coverage
import pytest

OURS = frozenset({"config", "billing", "commerce", "actors", "tests"})

COMMON = ("-x", "-q", "--assert=plain", "-p", "no:cacheprovider")
WITH_DATABASE = (*COMMON, "-p", "pytest_django.plugin", "--no-migrations")
WITHOUT_DJANGO = (*COMMON, "--noconftest", "--config-file", os.devnull, "--rootdir", ".")

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "TEST_DATABASE": "sqlite",
}

FAILED = frozenset(
    {
        pytest.ExitCode.TESTS_FAILED,
        pytest.ExitCode.INTERRUPTED,
        pytest.ExitCode.INTERNAL_ERROR,
        pytest.ExitCode.USAGE_ERROR,
    }
)
"""A test failed, or the changed module could not even be imported. No tests at all would be a mistake of ours."""

OUR_OWN_MISTAKE = 70
"""The exit code of a copy in which this tool itself failed: nothing must count as noticed because of that."""

PATIENCE_S = 20.0
"""A change that makes a run so much longer than the unchanged one has been noticed."""


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

    def tests_of(self, path: str, lines: Iterable[int]) -> list[str]:
        """Those that reach one of the lines, the quickest first; all, for what runs at import."""
        reached = {test for line in lines for test in self.by_line[path].get(line, [])}
        return sorted(self.seconds if "" in reached else reached, key=lambda test: self.seconds[test])


def reach_of(paths: Sequence[str], suite: Suite) -> Reach:
    """Run the suite on the modules as they are, and import the libraries that it took. Raises if a test fails."""
    with tempfile.NamedTemporaryFile("r") as report:
        code = _in_a_copy(lambda: _watched(paths, suite, Path(report.name)), limit_s=3600.0)
        if code != pytest.ExitCode.OK:
            raise SystemExit("The tests fail on the unchanged modules; run them with pytest to see why.")
        found = json.load(report)
    for name in found["modules"]:
        with suppress(Exception):  # models of Django's own apps can only be imported when the project is set up
            importlib.import_module(name)
    gc.freeze()
    by_line = {path: {int(line): names for line, names in lines.items()} for path, lines in found["by_line"].items()}
    return Reach(suite, found["seconds"], by_line)


def check_trials(path: str, reach: Reach) -> None:
    """A module that only looks different must survive. Raises if it does not: then trials here prove nothing."""
    quickest = sorted(reach.seconds, key=lambda test: reach.seconds[test])[:1]
    if not survives(path, ast.unparse(ast.parse(Path(path).read_text())), quickest, reach):
        raise SystemExit(f"{path} does not survive unchanged: the trials prove nothing.")


def survives(path: str, source: str, tests: Sequence[str], reach: Reach) -> bool:
    """Do all of the tests pass on the changed module?"""
    limit_s = PATIENCE_S + 10 * sum(reach.seconds[test] for test in tests)
    code = _in_a_copy(lambda: _changed(path, source, lambda: reach.suite.run(tests)), limit_s)
    if code not in FAILED | {pytest.ExitCode.OK, None}:
        raise RuntimeError(f"the tests of a change of {path} ended with {code}")
    return code == pytest.ExitCode.OK


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


def _changed(path: str, source: str, run: Callable[[], int]) -> int:
    """Run with another text for this one module than its file has."""
    changed, read = str(Path(path).resolve()), SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, name: str) -> CodeType | None:
        if loader.path != changed:
            return read(loader, name)
        code: CodeType = compile(source, changed, "exec", dont_inherit=True)
        return code

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]
    try:
        return run()
    except Exception:  # raised before pytest was set up: the change cannot even be imported
        return int(pytest.ExitCode.INTERNAL_ERROR)


# --- the copy itself -------------------------------------------------------------------------------------------------


def _in_a_copy(work: Callable[[], int], limit_s: float) -> int | None:
    """What the work returned in a fork of this process; None if it took too long and was killed."""
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tillkeeper-mutant-", dir=in_memory, ignore_cleanup_errors=True) as scratch:
        child = os.fork()
        if not child:
            _be_the_copy(work, scratch)
        return _wait_for(child, time.monotonic() + limit_s)


def _be_the_copy(work: Callable[[], int], scratch: str) -> None:
    """Silent, and gone afterwards whatever happens: threads that the tests left behind are not waited for."""
    code = OUR_OWN_MISTAKE
    try:
        os.setpgid(0, 0)
        os.environ |= ENVIRONMENT
        tempfile.tempdir = scratch
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(silence, stream)
        code = int(work())
    finally:
        os._exit(code)


def _wait_for(child: int, until: float) -> int | None:
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.01)
