"""Prometheus, Alertmanager and Grafana as they are shipped, with the addresses of compose.yml in place of a host's own.

python deploy/compose/monitoring.py /etc/monitoring
"""

import argparse
import re
import shutil
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[1]
SHIPPED = ("prometheus/*.yml", "grafana/provisioning/*/*.yml", "grafana/dashboards/*.json")
NOT_RUN = {"tests.yml"}

ADDRESSES = {
    "127.0.0.1:8000": "web:8000",
    "127.0.0.1:9191": "worker:9191",
    "127.0.0.1:9192": "scheduler:9192",
    "127.0.0.1:15692": "rabbitmq:15692",
    "127.0.0.1:9090": "prometheus:9090",
    "127.0.0.1:9093": "alertmanager:9093",
    "127.0.0.1:9095": "receiver:9095",
    "/var/lib/grafana/dashboards/tillkeeper": "/etc/monitoring/grafana/dashboards",
}


def main(directory: Path) -> None:
    """Write every file anew; what is not shipped any more goes."""
    for place in {pattern.partition("/")[0] for pattern in SHIPPED}:
        shutil.rmtree(directory / place, ignore_errors=True)
    for file in sorted(file for pattern in SHIPPED for file in DEPLOY.glob(pattern) if file.name not in NOT_RUN):
        copy = directory / file.relative_to(DEPLOY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(moved(file.read_text()))


def moved(text: str) -> str:
    """All addresses at once, so that none is replaced twice."""
    return re.sub("|".join(map(re.escape, ADDRESSES)), lambda found: ADDRESSES[found[0]], text)


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("directory", type=Path, help="where the files go; it has to be there")
    main(**vars(words.parse_args()))
