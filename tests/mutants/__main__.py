"""`python -m tests.mutants [module …]`: every survivor as a difference; exit code 1 if one is not listed."""

import argparse
import os
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.changes import Key, Mutant, mutants_of
from tests.mutants.trial import WITH_DATABASE, WITHOUT_DJANGO, Reach, Suite, reach_of, survives

RULES = Suite(("tests/unit/test_arrows.py", "tests/unit/test_money.py"), WITHOUT_DJANGO)

_SUBJECTS = (
    "looks", "mismatches", "providers_in_looks", "late_money", "account_states", "callbacks", "lanes",
    "refunds", "refund_pages", "report_refunds", "reconciliation", "orders", "settlement", "timeline",
    "ways_out", "admin_actions", "carts",
)  # fmt: skip

VERBS = Suite(
    (
        "tests/unit/test_states.py",
        "tests/unit/test_tracks.py",
        *(f"tests/database/test_{subject}.py" for subject in _SUBJECTS),
    ),
    WITH_DATABASE,
)

MODULES = {
    "billing/states.py": RULES,
    "billing/money.py": RULES,
    **dict.fromkeys(
        (
            "billing/models/payment.py",
            "billing/models/refund.py",
            "billing/facts.py",
            "billing/attention.py",
            "billing/mismatches.py",
            "billing/comparing.py",
            "billing/payments.py",
            "billing/looks.py",
            "billing/refunds.py",
            "billing/differences.py",
            "billing/reconciled_day.py",
        ),
        VERBS,
    ),
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
