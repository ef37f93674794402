"""Writes the dashboards as JSON for Grafana: `python -m deploy.grafana.build`, or `make dashboards`."""

import json
from pathlib import Path

from deploy.grafana.mail import MAIL
from deploy.grafana.model import Dashboard
from deploy.grafana.overview import OVERVIEW
from deploy.grafana.payments import PAYMENTS
from deploy.grafana.providers import PROVIDERS
from deploy.grafana.scheduler import SCHEDULER
from deploy.grafana.work import WORK

DIRECTORY = Path(__file__).parent / "dashboards"

DASHBOARDS = (OVERVIEW, PAYMENTS, WORK, MAIL, PROVIDERS, SCHEDULER)


def file_of(dashboard: Dashboard) -> Path:
    """The file of the dashboard."""
    return DIRECTORY / f"{dashboard.uid}.json"


def written(dashboard: Dashboard) -> str:
    """The content of that file."""
    return json.dumps(dashboard.as_json(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for each in DASHBOARDS:
        file_of(each).write_text(written(each))
