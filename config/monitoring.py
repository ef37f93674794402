"""The settings of the metrics, and the only place of their defaults; another project takes them over in one line."""

from ipaddress import ip_network
from pathlib import Path

from config import env

METRICS_HOST = env.text("METRICS_HOST", "127.0.0.1")
"""Where worker and scheduler show their page. Whoever reaches this address may read it."""

METRICS_PORT = env.integer("METRICS_PORT", 9191, at_most=65_535)
"""The worker's page (9191 is Dramatiq's own); 0: none. A second worker on the host needs another one."""

SCHEDULER_METRICS_PORT = env.integer("SCHEDULER_METRICS_PORT", 9192, at_most=65_535)
"""The scheduler's page; 0: none."""

METRICS_ALLOWED = [ip_network(network) for network in env.networks("METRICS_ALLOWED", "127.0.0.0/8,::1")]
"""Networks that may read /metrics of the web. What comes through a proxy that is not in TRUSTED_PROXIES is refused."""

METRICS_DIR = Path(
    env.text("METRICS_DIR", str(Path(env.text("VAR_DIR", str(Path(__file__).parents[1] / "var"))) / "metrics"))
)
"""Where processes that serve together (gunicorn's, a worker's) add up what they count. A memory disk does as well."""
