"""The settings of jobs: what runs, and what ran. Another project takes them over in one line."""

from config import env
from config.declared import section

section("Jobs")

RELEASE = env.text(
    "RELEASE", "",
    help="The version that runs here, for example a commit; workers tell it with every sign of life.",
    wrong="Old workers beside new ones are not told apart.",
    example="1.4.2",
)  # fmt: skip
WORKER_BEAT_S = env.seconds(
    "WORKER_BEAT_S", 2, at_least=0.5, at_most=60,
    help="So often a worker process writes down what it does, and looks whether a queue was paused.",
    wrong="Too long: a pause takes that long to be heard of, and a worker that died is noticed later.",
    example="2",
)  # fmt: skip
JOB_HISTORY_DAYS = env.integer(
    "JOB_HISTORY_DAYS", 14, at_least=1, at_most=3650,
    help="So long it is kept what ran, and which worker processes there were.",
    wrong="Too short: what went wrong last week cannot be looked up. Too long: the table grows.",
    example="14",
)  # fmt: skip
JOB_TRACEBACK_CHARS = env.integer(
    "JOB_TRACEBACK_CHARS", 20_000, at_least=500, at_most=1_000_000,
    help="So much of a traceback is kept, from its end.",
    wrong="Too short: the place where it began is cut off.",
    example="20000",
)  # fmt: skip
BROKER_METRICS_URL = env.url(
    "BROKER_METRICS_URL", "", schemes=("http", "https"),
    otherwise="none: the age of the oldest message is not known",
    help="RabbitMQ's plugin rabbitmq_prometheus: it alone tells how old the oldest message of a queue is.",
    wrong="The age of the oldest message is not known; nothing else is missing.",
    example="http://rabbitmq.internal:15692",
)  # fmt: skip
