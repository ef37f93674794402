"""Plants known bugs in a copy of the shop, and lets the chaos run find them: `python -m tests.chaos.bugs [NAME …]`.

A checker that finds nothing proves nothing until it has found what is there. Each bug is a few changed lines, with the
faults that make it matter, and the words of the verdict of which one must appear.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.stack import ROOT

CAUGHT, MISSED = 0, 1


@dataclass(frozen=True)
class Bug:
    """`edits` are a file, its words, and what stands there instead."""

    name: str
    edits: Sequence[tuple[str, str, str]]
    faults: Sequence[str]
    words: Sequence[str]
    callbacks: bool = True


BUGS = (
    Bug(
        "a callback is believed",
        [
            (
                "billing/callbacks/inbox.py",
                "        payments.check_now(payment, AskedBy.CALLBACK, hint.refs)\n        _finish(",
                "        payments.check_now(payment, AskedBy.CALLBACK, hint.refs)\n"
                "        if hint.event == 'payment.succeeded' and payment.is_open:\n"
                "            from billing.outbox import record_event\n"
                "            from billing.states import Status\n"
                "            source, payment.status = Status(payment.status), Status.SUCCEEDED\n"
                "            payment.next_check_at = None\n"
                "            payment.end(database_now(), AskedBy.CALLBACK)\n"
                "            payment.save()\n"
                "            record_event(payment, source, AskedBy.CALLBACK, database_now())\n"
                "        _finish(",
            )
        ],
        ["forge*"],
        ["wrong"],
    ),
    Bug(
        "a claim holds nothing",
        [("config/due/queue.py", "self._move_ahead(rows, now + self.lease)", "self._move_ahead(rows, now)")],
        ["slow web*", "garbage*"],
        ["mails_doubled", "mails_missing", "lost", "wrong"],
    ),
    Bug(
        "the end of the window is taken for the outcome",
        [
            (
                "billing/payments/check.py",
                "    if not payment.is_open:\n        return _with_disputes(provider, answer)\n",
                "    if not payment.is_open:\n        return _with_disputes(provider, answer)\n"
                "    if payment.window_ends_at <= now:\n        return replace(answer, status=Status.EXPIRED)\n",
            )
        ],
        ["kill worker*"],
        ["lost", "wrong"],
        callbacks=False,
    ),
    Bug(
        "an unpaid order keeps its stock",
        [("commerce/orders.py", "    order.save()\n    stock.give_back(order)\n", "    order.save()\n")],
        ["kill worker*"],
        ["stock"],
    ),
    Bug(
        "a payment is sent again under a new key",
        [
            (
                "billing/providers/sandbox.py",
                '"/v1/payments", body, payment.idempotency_key)',
                '"/v1/payments", body, __import__("uuid").uuid4().hex)',
            )
        ],
        ["away*lost_answer"],
        ["doubled"],
    ),
    Bug(
        "a refund is sent again under a new key",
        [
            (
                "billing/providers/sandbox.py",
                "self._http.post(path, body, refund.idempotency_key)",
                'self._http.post(path, body, __import__("uuid").uuid4().hex)',
            )
        ],
        ["away*lost_answer"],
        ["doubled", "wrong", "lost"],
    ),
    Bug(
        "a mail counts as sent before it is handed over",
        [
            (
                "commerce/mail/sending.py",
                "        connection.send(ready)\n",
                "        outcomes.write_sent(mail)\n        return connection.send(ready)\n",
            )
        ],
        ["kill mail*", "freeze mail*", "cut *mail cut"],
        ["mails_missing"],
    ),
    Bug(
        "an outcome that the schedule finds is not told",
        [
            (
                "billing/payments/check.py",
                "    if payment.status != source:\n        record_event(",
                "    if payment.status != source and asked_by != AskedBy.SCHEDULE:\n        record_event(",
            )
        ],
        ["kill worker*"],
        ["lost"],
        callbacks=False,
    ),
    Bug(
        "a second click orders again",
        [("commerce/orders.py", "        cart.items.all().delete()\n", "")],
        ["slow web*"],
        ["doubled"],
    ),
    Bug(
        "a dispute is not noticed",
        [("billing/payments/check.py", "        disputes.notice_held(payment, answer.disputes)\n", "")],
        ["kill worker*"],
        ["lost"],
    ),
)


class CannotPlant(Exception):
    """The shop's code has changed, and the words of a bug are not there."""


def plant(bug: Bug, code: Path) -> None:
    """Change the copy. Raises CannotPlant."""
    for file, words, instead in bug.edits:
        text = (code / file).read_text(encoding="utf-8")
        if text.count(words) != 1:
            raise CannotPlant(f"{bug.name}: {file} does not have these words once: {words!r}")
        (code / file).write_text(text.replace(words, instead), encoding="utf-8")


def copy(code: Path) -> None:
    """The shop as it is here, with what is not committed."""
    for package in ("config", "commerce", "billing", "actors", "deploy"):
        shutil.copytree(ROOT / package, code / package, ignore=shutil.ignore_patterns("__pycache__", "secrets"))
    for file in ("manage.py", "setup.cfg", "CHANGELOG.md"):
        shutil.copy(ROOT / file, code / file)


def hunt(bug: Bug, orders: int, faults: int, seed: int) -> bool:
    """One run against the bug; was it found, by one of its words?"""
    with tempfile.TemporaryDirectory(prefix="tillkeeper-bug-") as directory:
        code = Path(directory) / "code"
        code.mkdir()
        copy(code)
        plant(bug, code)
        counts = ("--orders", str(orders), "--faults", str(faults), "--seed", str(seed))
        command = [sys.executable, "-m", "tests.chaos", *counts, "--code", str(code), "--only", *bug.faults]
        command += ["--directory", str(Path(directory) / "notes"), *([] if bug.callbacks else ["--no-callbacks"])]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    numbers = {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", done.stdout)}
    found = {word: numbers.get(word, 0) for word in bug.words}
    said = ", ".join(f"{word}={count}" for word, count in found.items())
    print(f"{'caught' if any(found.values()) else 'MISSED'}  {bug.name}: {said}", flush=True)
    if not any(found.values()):
        print(done.stdout[-3000:], done.stderr[-1000:])
    return any(found.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Hunt the named bugs, or all; returns the exit status."""
    parser = argparse.ArgumentParser("python -m tests.chaos.bugs", description="Does the chaos run find planted bugs?")
    parser.add_argument("names", nargs="*", help="parts of names (default: all)")
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--faults", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    chosen = [bug for bug in BUGS if not options.names or any(name in bug.name for name in options.names)]
    missed = [bug for bug in chosen if not hunt(bug, options.orders, options.faults, options.seed)]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} planted bugs were caught.")
    return MISSED if missed else CAUGHT


if __name__ == "__main__":
    sys.exit(main())
