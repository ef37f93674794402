"""RabbitMQ, and how Dramatiq uses it."""

from config import env
from config.env.reference import section

section("The broker")

BROKER_URL = env.url(
    "BROKER_URL", "", schemes=("amqp", "amqps"),
    otherwise="none: a broker inside the process, which only `runlocal` can use; refused in production",
    help="RabbitMQ: `amqp://user:password@host:port/vhost`.",
    wrong="Nudges are dropped and sweeps do not run: customers pay, and their orders wait until it is right.",
    example="amqp://till@mq.internal:5672/till",
)  # fmt: skip

DRAMATIQ_BROKER = {
    "BROKER": "config.messaging.broker.Rabbitmq" if BROKER_URL else "config.messaging.broker.InMemory",
    "OPTIONS": {"url": BROKER_URL} if BROKER_URL else {},
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
