"""The settings of the metrics, and the only place of their defaults; another project takes them over in one line."""

from ipaddress import ip_network
from pathlib import Path

from config import env
from config.declared import section
from config.places import VAR_DIR

section("Watching it")

METRICS_HOST = env.text(
    "METRICS_HOST", "127.0.0.1",
    help="Where worker and scheduler show their page. Whoever reaches this address may read it.",
    wrong="An address that strangers reach shows them how the shop is doing.",
    example="10.0.0.5",
)  # fmt: skip
METRICS_PORT = env.integer(
    "METRICS_PORT", 9191, at_most=65_535,
    help="The worker's page (9191 is Dramatiq's own); 0: none. Each worker of a host needs one of its own.",
    wrong="Taken by another: `metrics.no_page` stands in the log, and the worker works unseen.",
    example="9193",
)  # fmt: skip
SCHEDULER_METRICS_PORT = env.integer(
    "SCHEDULER_METRICS_PORT", 9192, at_most=65_535,
    help="The scheduler's page; 0: none.",
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
