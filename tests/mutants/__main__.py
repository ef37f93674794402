"""`python -m tests.mutants [module …]`: every survivor as a difference; exit code 1 if one is not listed."""

import argparse
import os
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.changes import Key, Mutant, mutants_of
from tests.mutants.trial import (
    WITH_DATABASE,
    WITHOUT_DJANGO,
    Reach,
    Suite,
    check_trials,
    reach_of,
    survives,
)

RULES = Suite(("tests/unit/test_arrows.py", "tests/unit/test_money.py"), WITHOUT_DJANGO)


def _with_database(*subjects: str) -> Suite:
    return Suite(tuple(f"tests/database/test_{subject}.py" for subject in subjects), WITH_DATABASE)


LOOKS = _with_database(
    "looks", "looks_in_vain", "what_looks_ask", "what_looks_write", "providers_in_looks", "mismatches"
)
REFUNDS = _with_database(
    "refunds", "refunds_in_trouble", "refunds_followed", "refunds_that_differ", "mismatches", "payments"
)
FACTS = _with_database("what_looks_write", "refunds_in_trouble")
ATTENTION = _with_database("looks_in_vain")
PAYMENTS = _with_database("payments")
COMPARING = Suite(("tests/unit/test_compare.py",), WITH_DATABASE)
RECONCILING = _with_database("differences", "reconciliation", "reconciliation_days", "reconciliation_stopped")

MODULES = {
    "billing/states.py": RULES,
    "billing/money.py": RULES,
    "billing/models/payment.py": LOOKS,
    "billing/models/refund.py": REFUNDS,
    "billing/outbox.py": FACTS,
    "billing/attention.py": ATTENTION,
    "billing/payments/check.py": LOOKS,
    "billing/payments/mismatches.py": REFUNDS,
    "billing/refunds/follow.py": REFUNDS,
    "billing/refunds/external.py": REFUNDS,
    "billing/payments/service.py": PAYMENTS,
    "billing/reconciliation/compare.py": COMPARING,
    "billing/reconciliation/differences.py": RECONCILING,
    "billing/reconciliation/day.py": RECONCILING,
}
"""The modules that decide about money and states, each with the quick tests it is held to."""

EQUIVALENT = Path(__file__).with_name("equivalent.toml")

NICENESS = 10


def main() -> int:
    """Try every change of the modules; 1 if one survives without a listed reason, or a listed one does not survive."""
    paths = _arguments()
    os.nice(NICENESS)
    suites = dict.fromkeys(MODULES[path] for path in paths)
    reach = {suite: reach_of([path for path in paths if MODULES[path] == suite], suite) for suite in suites}
    listed = {key for key in _listed() if key[0] in paths}
    survivors = {mutant.key for path in paths for mutant in _survivors_of(path, reach[MODULES[path]], listed)}
    for path, where, before, after in sorted(listed - survivors):
        print(f"\nlisted, but it does not survive: {path} {where}\n- {before}\n+ {after}")
    print(f"{len(survivors)} survived, {len(survivors - listed)} of them without a reason.")
    return int(survivors != listed)


def _arguments() -> Sequence[str]:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("module", nargs="*", choices=[*MODULES, []], default=[])
    return parser.parse_args().module or list(MODULES)


def _survivors_of(path: str, reach: Reach, listed: set[Key]) -> list[Mutant]:
    """Those without a reason are printed as soon as they are found."""
    check_trials(path, reach)
    mutants, survivors, started_at = list(mutants_of(path)), [], time.monotonic()
    for mutant in mutants:
        if _survives(mutant, reach):
            survivors.append(mutant)
            print("" if mutant.key in listed else f"survived: {mutant}\n", end="", flush=True)
    took_s = time.monotonic() - started_at
    print(f"{path}: {len(mutants)} changes, {len(survivors)} survived, {took_s:.0f} s", flush=True)
    return survivors


def _survives(mutant: Mutant, reach: Reach) -> bool:
    tests = reach.tests_of(mutant.path, mutant.lines)
    return not tests or survives(mutant.path, mutant.source, tests, reach)


def _listed() -> set[Key]:
    entries = tomllib.loads(EQUIVALENT.read_text()).get("change", [])
    return {(each["path"], each["where"], each["before"], each["after"]) for each in entries if each["why"]}


if __name__ == "__main__":
    sys.exit(main())
