"""Settings of what watches the processes: probes, metrics, job history and error reports."""

from ipaddress import ip_network

from config import env
from config.env.reference import section
from config.version import version

section("Monitoring")

METRICS_HOST = env.host(
    "METRICS_HOST", "127.0.0.1",
    help="Address where worker and scheduler serve `/healthz`, `/readyz` and `/metrics`. They answer every client that "
    "reaches it. `::` takes every address of the host, IPv4 too.",
    wrong="Strangers can reach it: they see how the shop is doing. Not an address of this host: the log says "
    "`probes.no_port`, and the processes run without being watched.",
    example="10.0.0.5",
)  # fmt: skip
METRICS_PORT = env.integer(
    "METRICS_PORT", 9191, at_most=65_535,
    help="The worker's port (9191 is Dramatiq's own); 0: none. Each worker on a host needs its own.",
    wrong="The port is taken: the log says `probes.no_port`, and the worker runs without being watched.",
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
    help="Networks that may read `/metrics` of the web. A request through a proxy that is not in `TRUSTED_PROXIES` is "
    "refused.",
    wrong="Too few: Prometheus gets 403. Too many: strangers read the shop's figures.",
    example="127.0.0.0/8,10.0.0.7",
)]  # fmt: skip
STALL_LIMIT_S = env.seconds(
    "STALL_LIMIT_S", 60, at_least=2, at_most=3600,
    help="A process is no longer live when one of its loops has sent no heartbeat for this long, or when a job runs "
    "this much longer than its time limit.",
    wrong="Shorter than a query, a connection or a publish may take (`DATABASE_STATEMENT_TIMEOUT_S`; about 45 s for a "
    "silent broker): processes restart that only wait.",
)  # fmt: skip
BROKER_METRICS_URL = env.url(
    "BROKER_METRICS_URL", "", schemes=("http", "https"),
    otherwise="none: the age of the oldest message is unknown",
    help="Address of RabbitMQ's plugin rabbitmq_prometheus, the only source for the age of a queue's oldest message.",
    wrong="The age of the oldest message is unknown; everything else works.",
    example="http://rabbitmq.internal:15692",
)  # fmt: skip
CONSOLE_URL = env.url(
    "CONSOLE_URL", "", schemes=("http", "https"), without=" ?#",
    otherwise="`SHOP_URL` and the console's path",
    help="Address of the console as operators reach it. Alerts lead there.",
    wrong="The links of alerts lead nowhere.",
    example="https://office.tillcoffee.example/admin/console",
)  # fmt: skip
RUNBOOK_URL = env.url(
    "RUNBOOK_URL", "", schemes=("http", "https"), without=" #",
    otherwise="the console's own page with the release's `deploy/RUNBOOK.md`",
    help="Address of your own runbook, with sections under the same anchors. Alerts and findings lead there.",
    wrong="*What to do* leads nowhere.",
    example="https://wiki.tillcoffee.example/tillkeeper-runbook",
)  # fmt: skip
JOB_HISTORY_DAYS = env.integer(
    "JOB_HISTORY_DAYS", 14, at_least=1, at_most=3650,
    help="Retention of finished jobs and ended worker processes.",
    wrong="Too short: last week's failures cannot be looked up. Too long: the table grows.",
)  # fmt: skip

section("Error reports")

RELEASE = env.text(
    "RELEASE", version(),
    otherwise="the version of `setup.cfg`",
    help="The running version, for example a commit. Workers and error reports name it.",
    wrong="Old and new workers look the same.",
    example="1.4.2",
)  # fmt: skip
SENTRY_DSN = env.url(
    "SENTRY_DSN", "", schemes=("https", "http"),
    help="Address of Sentry for error reports; empty: mails to `ADMIN_EMAILS`.",
    wrong="Errors appear only in the log.",
    example="https://key@sentry.example.com/7",
)  # fmt: skip
ADMIN_EMAILS = env.addresses(
    "ADMIN_EMAILS",
    help="Recipients of error mails where Sentry is not used; empty: errors appear only in the log.",
    wrong="No person learns of errors.",
    example="oncall@tillcoffee.example",
)  # fmt: skip
ERROR_MAILS_PER_HOUR = env.integer(
    "ERROR_MAILS_PER_HOUR", 3, at_least=1, at_most=1000,
    help="Error mails of one kind per process. The next mail counts the errors that were left out.",
    wrong="Too many: people stop reading them.",
)  # fmt: skip
