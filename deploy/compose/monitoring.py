"""Copies the files of Prometheus, Alertmanager and Grafana, with the addresses of compose.yml instead of localhost.

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
    """Replace every file; delete those that are no longer shipped."""
    for place in {pattern.partition("/")[0] for pattern in SHIPPED}:
        shutil.rmtree(directory / place, ignore_errors=True)
    for file in sorted(file for pattern in SHIPPED for file in DEPLOY.glob(pattern) if file.name not in NOT_RUN):
        copy = directory / file.relative_to(DEPLOY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(with_new_addresses(file.read_text()))


def with_new_addresses(text: str) -> str:
    """Replace all addresses at once, so that none is replaced twice."""
    return re.sub("|".join(map(re.escape, ADDRESSES)), lambda found: ADDRESSES[found[0]], text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, help="where to write the files; it must exist")
    main(**vars(parser.parse_args()))
