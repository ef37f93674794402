"""The settings of whoever watches the processes, and the only place of their defaults; another project takes them over
in one line.
"""

from ipaddress import ip_network
from pathlib import Path

from config import env
from config.declared import section
from config.places import VAR_DIR

section("Watching it")

METRICS_HOST = env.text(
    "METRICS_HOST", "127.0.0.1",
    help="Where worker and scheduler answer whoever watches them. Whoever reaches this address may ask.",
    wrong="An address that strangers reach shows them how the shop is doing.",
    example="10.0.0.5",
)  # fmt: skip
METRICS_PORT = env.integer(
    "METRICS_PORT", 9191, at_most=65_535,
    help="The worker's port (9191 is Dramatiq's own); 0: none. Each worker of a host needs one of its own.",
    wrong="Taken by another: `probes.no_port` stands in the log, and the worker works unseen.",
    example="9193",
)  # fmt: skip
SCHEDULER_METRICS_PORT = env.integer(
    "SCHEDULER_METRICS_PORT", 9192, at_most=65_535,
    help="The scheduler's port; 0: none.",
    wrong="As above.",
    example="9194",
)  # fmt: skip
METRICS_ALLOWED = [ip_network(network) for network in env.networks(
    "METRICS_ALLOWED", "127.0.0.0/8,::1",
    help="Who may read `/metrics` of the web. What comes through a proxy that is not in `TRUSTED_PROXIES` is refused.",
    wrong="Too few: Prometheus gets 403. Too many: strangers read the shop's figures.",
    example="127.0.0.0/8,10.0.0.7",
)]  # fmt: skip
METRICS_DIR = Path(env.text(
    "METRICS_DIR", str(VAR_DIR / "metrics"),
    otherwise="`metrics` in `VAR_DIR`",
    help="Where processes that serve together (gunicorn's, a worker's) add up what they count. A memory disk will do.",
    wrong="Shared by two hosts, their figures are added up.",
    example="/run/tillkeeper/metrics",
))  # fmt: skip
STALL_LIMIT_S = env.seconds(
    "STALL_LIMIT_S", 60, at_least=2, at_most=3600,
    help="A loop that has not come round for so long hangs, and a job hangs that has overrun its time limit by so "
    "much: the process is not live any more.",
    wrong="Shorter than a query, a connection or publishing may take (`DATABASE_STATEMENT_TIMEOUT_S`; some 45 s for a "
    "silent broker): processes are started anew that only wait.",
    example="60",
)  # fmt: skip

section("Errors nobody expected")

RELEASE = env.text(
    "RELEASE", "",
    help="The version that runs here, for example a commit: workers and errors tell it.",
    wrong="Old workers beside new ones are not told apart.",
    example="1.4.2",
)  # fmt: skip
SENTRY_DSN = env.url(
    "SENTRY_DSN", "", schemes=("https", "http"),
    help="Where Sentry takes errors; empty: `ADMIN_EMAILS` are told.",
    wrong="Errors are told to nobody but the log.",
    example="https://key@sentry.example.com/7",
)  # fmt: skip
ADMIN_EMAILS = env.addresses(
    "ADMIN_EMAILS",
    help="Who is written to about errors, where there is no Sentry; empty: only the log tells.",
    wrong="Nobody hears of errors.",
    example="oncall@tillcoffee.example",
)  # fmt: skip
ERROR_MAILS_PER_HOUR = env.integer(
    "ERROR_MAILS_PER_HOUR", 3, at_least=1, at_most=1000,
    help="Mails about errors of one kind, an hour, from each process; the next one says how many there were besides.",
    wrong="Too many: nobody reads them.",
    example="3",
)  # fmt: skip
