"""10,000 due mails: how near does one worker process come to a bare smtplib loop?"""

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.ground import on_postgres, results
from tests.bench.lines import figure, target
from tests.stack.ports import LOOPBACK, free_port
from tests.stack.processes import Program
from tests.stack.rabbitmq import RabbitMQ
from tests.system.house import MANAGE, ROOT

MAIL_TARGET_PERCENT = 60
"""Of what a bare smtplib loop over one connection reaches against the same server, in the same run."""


def measure(var: Path, rounds: int, mails: int) -> Iterator[str]:
    """One worker process sends due mails, and smtplib the same mails, to a server that is another process.

    As in production: the worker gets its messages from RabbitMQ and logs each mail, PostgreSQL's data is on the disk.
    """
    sink = Program("sink", [sys.executable, "-m", "tests.bench.sink", str(port := free_port())], cwd=ROOT)
    with RabbitMQ() as rabbitmq, sink:
        sink.wait_for_output("listening", 20)
        services = {"EMAIL_HOST": LOOPBACK, "EMAIL_PORT": str(port), "BROKER_URL": rabbitmq.url, "LOG_LEVEL": "INFO"}
        with on_postgres(var, "mail", **services) as given:
            worker = Program("worker", [*MANAGE, "rundramatiq", "--processes", "1", "--skip-logging"], given, ROOT)
            with worker:
                found = results(given, "mail", mails, rounds + 1)[1:]  # the first round warms up
    yield f"{mails:,} due mails, one worker process, {rounds} rounds after one to warm up:"
    for name, what in (("bare_s", "smtplib, one connection"), ("worker_s", "the worker")):
        yield figure(what, [mails / result[name] for result in found], "mails/s")
    shares = [100 * result["bare_s"] / result["worker_s"] for result in found]
    yield figure("the worker : smtplib", shares, "%")
    yield target(f"at least {MAIL_TARGET_PERCENT} % of smtplib", median(shares) >= MAIL_TARGET_PERCENT)
