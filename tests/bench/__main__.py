"""`make bench`: 1,000 payments due at once, 10,000 calls for two accounts, 10,000 mails, and the checkout with RabbitMQ
healthy, dead and silent.

`--only metrics` and `--only history`: what these cost. `--only outage` takes a provider
away for ten minutes. `--carts` measures the nightly cleanup instead; 1,000,000 of them take some minutes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.bench import outage
from tests.stack.ports import LOOPBACK, free_port, wait_until
from tests.stack.postgres import Postgres
from tests.stack.processes import Program, end_cleanly
from tests.stack.rabbitmq import RabbitMQ
from tests.system.house import MANAGE, ROOT, House, http

Numbers = dict[str, list[float]]

MEASUREMENTS = ["checks", "accounts", "mail", "checkout", "metrics", "history", "outage"]

METRICS_PERCENT, LOOK_MS = 3, 100
"""So much of a check's processor time, and so long for a page with 1,000,000 payments behind it, at the most."""

MAIL_TARGET_PERCENT = 60
"""Of what a bare smtplib loop over one connection reaches against the same server, in the same run."""


def main() -> None:
    """Print each measurement as it comes."""
    words = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    words.add_argument("--rounds", type=int, default=5, help="how often each thing is measured (default 5)")
    words.add_argument("--orders", type=int, default=40, help="orders per round and broker (default 40)")
    words.add_argument("--carts", type=int, metavar="N", help="only this: clean up N carts, of which half are old")
    words.add_argument("--only", choices=MEASUREMENTS, help="one of the measurements")
    words.add_argument("--outage-s", type=float, default=600, help="how long one provider is away (default 600)")
    words.add_argument("--outage-kind", choices=["hang", "refuse", "status_500"], default="hang")
    words.add_argument("--payments", type=int, default=5_000, help="pending at each provider (default 5000)")
    words.add_argument("--mails", type=int, default=10_000, help="due mails per round (default 10000)")
    chosen = words.parse_args()
    end_cleanly()
    with tempfile.TemporaryDirectory() as var:
        if chosen.carts:
            print_cleanup(measure_cleanup(Path(var), chosen.carts))
            return
        if chosen.only in (None, "checks"):
            measure_checks(Path(var), chosen.rounds)
        if chosen.only in (None, "accounts"):
            measure_accounts(Path(var))
        if chosen.only in (None, "mail"):
            measure_mail(Path(var), chosen.rounds, chosen.mails)
        if chosen.only in (None, "checkout"):
            measure_checkout(Path(var), chosen.rounds, chosen.orders)
        if chosen.only == "metrics":
            measure_metrics(Path(var), chosen.rounds)
        if chosen.only == "history":
            measure_history(Path(var), chosen.rounds)
        if chosen.only == "outage":
            plan = outage.Plan(chosen.payments, chosen.outage_s, chosen.outage_kind)
            with House(Path(var)) as house:
                outage.say(plan, outage.Drill(house, plan).run())


def measure_checks(var: Path, rounds: int) -> None:
    """One worker process works off 1,000 due payments on PostgreSQL; the provider is another process."""
    with Postgres() as postgres:
        environment = _environment(var, postgres.create_database("bench"))
        subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], env=environment, cwd=ROOT, check=True)
        with _sandbox(environment):
            wait_until(lambda: _answers(environment["SANDBOX_URL"]), "the sandbox answered", 20)
            command = [sys.executable, "-m", "tests.bench.checks", "1000", str(rounds + 1)]
            run = subprocess.run(command, env=environment, cwd=ROOT, check=True, text=True, capture_output=True)
    found = [json.loads(line) for line in run.stdout.splitlines()][1:]  # the first round warms up
    print(f"1,000 due payments, 50 ms provider, one process, {rounds} rounds after one to warm up:")
    _say("seconds", [result["seconds"] for result in found], "s")
    _say("CPU of the worker per check", [result["cpu_ms_per_check"] for result in found], "ms")


def measure_metrics(var: Path, rounds: int) -> None:
    """The same checks with and without metrics in turn, and pages over 1,000,000 payments on the disk."""
    var.chmod(0o711)  # PostgreSQL is started by root as somebody else
    with Postgres(var / "metrics") as postgres:
        patience = {"DATABASE_STATEMENT_TIMEOUT_S": "900"}  # for writing down the 1,000,000
        environment = _environment(var, postgres.create_database("bench")) | patience
        subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], env=environment, cwd=ROOT, check=True)
        with _sandbox(environment):
            wait_until(lambda: _answers(environment["SANDBOX_URL"]), "the sandbox answered", 20)
            command = [sys.executable, "-m", "tests.bench.metrics", str(rounds), "1000000"]
            run = subprocess.run(command, env=environment, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
    ratios, pages = map(json.loads, run.stdout.splitlines())
    print(f"1,000 due payments, with and without metrics, {rounds} pairs after one to warm up:")
    for what, name in (("cpu_ms_per_check", "CPU per check, on top"), ("seconds", "wall time, on top")):
        _say(name, [100 * (ratio - 1) for ratio in ratios[what]], "%")
    on_top = 100 * (median(ratios["cpu_ms_per_check"]) - 1)
    print(f"  target: at most {METRICS_PERCENT} % of CPU in the median: {_reached(on_top <= METRICS_PERCENT)}")
    print("The page of the web, with 1,000,000 open payments:")
    for name, looks in pages.items():
        _say(name, looks["page"], "ms")
        _say("  of that PostgreSQL itself", looks["server"], "ms")
    slowest = max(median(looks["page"]) for looks in pages.values())
    print(f"  target: at most {LOOK_MS} ms in the median: {_reached(slowest <= LOOK_MS)}")


def measure_history(var: Path, rounds: int) -> None:
    """The same worker with the history and without, in turn, so that the machine's moods reach both alike."""
    with Postgres() as postgres:
        environment = _environment(var, postgres.create_database("bench"))
        subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], env=environment, cwd=ROOT, check=True)
        with _sandbox(environment):
            wait_until(lambda: _answers(environment["SANDBOX_URL"]), "the sandbox answered", 20)
            command = [sys.executable, "-m", "tests.bench.history", "1000", str(rounds)]
            run = subprocess.run(command, env=environment, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
    found = [json.loads(line) for line in run.stdout.splitlines()]
    print(f"One worker process with 8 threads on PostgreSQL, {rounds} pairs of rounds after one to warm up:")
    for name, what in (("checks", "1,000 due payments, 50 ms provider"), ("jobs", "1,000 jobs that do nothing else")):
        pairs = [result for result in found if result["what"] == name]
        print(f" {what}:")
        _say("without history", [result["without_s"] for result in pairs], "s")
        _say("with history", [result["with_s"] for result in pairs], "s")
        _say("it costs", [100 * (result["with_s"] / result["without_s"] - 1) for result in pairs], "%")
    of_jobs = [result["with_s"] - result["without_s"] for result in found if result["what"] == "jobs"]
    _say("for each of these jobs", [1000 * seconds / 1000 for seconds in of_jobs], "ms")


def measure_accounts(var: Path) -> None:
    """Two accounts of each provider call its stand-in from 32 threads; the stand-in counts whose key came."""
    environment = _environment(var, f"sqlite:///{var}/accounts.sqlite3")
    subprocess.run([sys.executable, "-m", "tests.bench.accounts"], env=environment, cwd=ROOT, check=True)


def measure_cleanup(var: Path, carts: int) -> dict[str, float]:
    """One process cleans up on PostgreSQL, with its data on the disk as in production, while visitors use carts."""
    var.chmod(0o711)  # PostgreSQL is started by root as somebody else
    with Postgres(var / "postgres") as postgres:
        environment = _environment(var, postgres.create_database("bench"))
        subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], env=environment, cwd=ROOT, check=True)
        command = [sys.executable, "-m", "tests.bench.carts", str(carts)]
        run = subprocess.run(command, env=environment, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(run.stdout)
    return found


def print_cleanup(found: dict[str, float]) -> None:
    """What an operator wants to know before letting it loose."""
    print(f"{found['carts']:,} carts with two products each, {found['deleted']:,} deleted, {found['kept']:,} kept:")
    print(f"  {'took':<38} {found['seconds']:.1f} s, {found['batches']} batches")
    print(f"  {'memory of the process before, peak':<38} {found['mb_before']:.0f} MB, {found['mb_peak']:.0f} MB")
    print(f"  {'longest transaction of a batch':<38} {1000 * found['longest_batch_s']:.0f} ms")
    print(f"  {'longest wait of a visitor, before':<38} {1000 * found['longest_wait_before_s']:.0f} ms")
    print(f"  {'longest wait of a visitor, during':<38} {1000 * found['longest_wait_s']:.0f} ms")


def measure_mail(var: Path, rounds: int, mails: int) -> None:
    """One worker process sends due mails, and smtplib the same mails, to a server that is another process.

    As in production: the worker gets its messages from RabbitMQ and logs each mail, PostgreSQL's data is on the disk.
    """
    var.chmod(0o711)  # PostgreSQL is started by root as somebody else
    sink = Program("sink", [sys.executable, "-m", "tests.bench.sink", str(port := free_port())], cwd=ROOT)
    with Postgres(var / "mail") as postgres, RabbitMQ() as rabbitmq, sink:
        sink.wait_for_output("listening", 20)
        services = {"EMAIL_HOST": LOOPBACK, "EMAIL_PORT": str(port), "BROKER_URL": rabbitmq.url, "LOG_LEVEL": "INFO"}
        environment = _environment(var, postgres.create_database("bench")) | services
        subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], env=environment, cwd=ROOT, check=True)
        with Program("worker", [*MANAGE, "rundramatiq", "--processes", "1", "--skip-logging"], environment, ROOT):
            command = [sys.executable, "-m", "tests.bench.mail", str(mails), str(rounds + 1)]
            run = subprocess.run(command, env=environment, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
    found = [json.loads(line) for line in run.stdout.splitlines()][1:]  # the first round warms up
    print(f"{mails:,} due mails, one worker process, {rounds} rounds after one to warm up:")
    for name, what in (("bare_s", "smtplib, one connection"), ("worker_s", "the worker")):
        _say(what, [mails / result[name] for result in found], "mails/s")
    shares = [100 * result["bare_s"] / result["worker_s"] for result in found]
    _say("the worker : smtplib", shares, "%")
    reached = _reached(median(shares) >= MAIL_TARGET_PERCENT)
    print(f"  target: at least {MAIL_TARGET_PERCENT} % of smtplib in the median: {reached}")


def measure_checkout(var: Path, rounds: int, orders: int) -> None:
    """The same web process, the three brokers in turn, so that the machine's moods reach all of them alike."""
    with House(var) as house:
        house.run("web")
        house.place(10)  # to warm up
        brokers: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "healthy": (_nothing, _nothing),
            "silent": (house.rabbitmq.freeze, house.rabbitmq.thaw),
            "dead": (house.rabbitmq.kill, house.rabbitmq.start),
        }
        seconds: Numbers = {name: [] for name in brokers}
        for _ in range(rounds):
            for name, (take_away, give_back) in brokers.items():
                take_away()
                seconds[name] += [placed.seconds for placed in house.place(orders, at_once=1)]
                give_back()
    print(f"Checkout, from the button to the redirect, {rounds} rounds of {orders} orders per broker:")
    for name, times in seconds.items():
        _say(f"RabbitMQ {name}", [1000 * time for time in times], "ms")
    for name in ("silent", "dead"):
        print(f"  {name} : healthy  {median(seconds[name]) / median(seconds['healthy']):.3f} (of the medians)")


def _sandbox(environment: dict[str, str]) -> Program:
    port = environment["SANDBOX_URL"].rpartition(":")[2]
    return Program("sandbox", [sys.executable, "-m", "billing.sandbox", "--port", port], environment, cwd=ROOT)


def _answers(url: str) -> bool:
    try:
        with http() as client:
            return client.get(f"{url}/healthz", timeout=2).ok
    except OSError:
        return False


def _environment(var: Path, database_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url,
        "SANDBOX_URL": f"http://127.0.0.1:{free_port()}",
        "VAR_DIR": str(var),
        "LOG_LEVEL": "WARNING",
    }


def _reached(yes: bool) -> str:
    return "reached" if yes else "MISSED"


def _say(what: str, values: list[float], unit: str) -> None:
    spread = f"{min(values):.3g} to {max(values):.3g}"
    print(f"  {what:<28} median {median(values):.3g} {unit}   ({spread}, n = {len(values)})", flush=True)


def _nothing() -> None:
    """Leave it as it is."""


if __name__ == "__main__":
    main()
