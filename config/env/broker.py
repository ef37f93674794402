"""RabbitMQ, and how Dramatiq uses it."""

from config import env
from config.env.reference import section
from config.errors.scrubbing import scrubbed
from config.messaging import address as amqp

section("The broker")

BROKER_URL = env.url(
    "BROKER_URL", "", schemes=("amqp", "amqps"),
    otherwise="none: a broker inside the process, which only `runlocal` can use; refused in production",
    help="RabbitMQ: `amqps://user:password@host:port/vhost`, or `amqp://` without TLS. pika reads it: its parameters "
    "(`?heartbeat=30`) work, and others are refused.",
    wrong="Nudges are dropped and sweeps do not run: customers pay, and their orders wait until it is right.",
    example="amqps://till:password@mq.internal:5671/till",
)  # fmt: skip
BROKER_CA_FILE = env.text(
    "BROKER_CA_FILE", "",
    kind="path of a file", otherwise="none: the authorities that this machine trusts",
    help="Certificates (PEM) of the authorities that may sign RabbitMQ's, for `amqps://`.",
    wrong="RabbitMQ does not answer (`SSLCertVerificationError`).",
    example="/etc/tillkeeper/broker-ca.pem",
)  # fmt: skip


def _check() -> None:
    """The address never appears in the error: a password may stand anywhere in one that cannot be read."""
    instead = "write amqps://user:password@host:port/vhost, with %23 for # and %40 for @ in a password"
    try:
        address = amqp.read(BROKER_URL)
    except amqp.UNREADABLE as error:
        env.refuse("BROKER_URL", "***", f"pika cannot read it ({scrubbed(str(error))}); {instead}")
    if BROKER_CA_FILE and (not address.ssl_options or "ssl_options" in BROKER_URL):
        env.refuse("BROKER_CA_FILE", BROKER_CA_FILE, "BROKER_URL would not use it; write amqps:// and no ssl_options")
    try:
        amqp.read(BROKER_URL, BROKER_CA_FILE)
    except OSError:
        env.refuse("BROKER_CA_FILE", BROKER_CA_FILE, "no certificates can be read there; write the path of a PEM file")


if BROKER_URL:
    _check()

DRAMATIQ_BROKER = {
    "BROKER": "config.messaging.broker.Rabbitmq" if BROKER_URL else "config.messaging.broker.InMemory",
    "OPTIONS": {"url": BROKER_URL, "ca_file": BROKER_CA_FILE} if BROKER_URL else {},
    # "Before" hooks run in this order and "after" hooks in reverse: database connections are cleared last, and a
    # middleware that skips messages stands behind the one that counts them.
    "MIDDLEWARE": [
        "actors.metrics.middleware.Prometheus",
        "django_dramatiq.middleware.DbConnectionsMiddleware",
        "actors.runtime.middleware.MessageLogContext",
        "actors.runtime.middleware.LastAttempt",
        "actors.runtime.middleware.GracefulStop",
        "actors.runtime.probes.Probes",
        "actors.runtime.middleware.WorkerHeartbeat",
        "actors.runtime.middleware.JobHistory",
        "periodiq.PeriodiqMiddleware",
        "config.messaging.consumers.HandBackPaused",
        "config.messaging.broker.DropStale",
        "actors.runtime.middleware.Quarantine",
        "dramatiq.middleware.TimeLimit",
        "dramatiq.middleware.Retries",
    ],
}
DRAMATIQ_ENCODER = "config.messaging.broker.StrictEncoder"
