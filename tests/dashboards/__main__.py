"""`make dashboards-preview`: every panel with the numbers of a busy house, as pages and pictures in var/dashboards/."""

import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from deploy.grafana.build import DASHBOARDS
from deploy.grafana.model import Dashboard
from tests.dashboards.busy import busy_house, make_trouble
from tests.dashboards.data import lines_of
from tests.dashboards.picture import page_of
from tests.monitoring import ROOT
from tests.screenshots import QUIET
from tests.stack.programs import find_chromium
from tests.stack.prometheus import Prometheus

TARGET = ROOT / "var" / "dashboards"
BUSY_S = 150.0
WINDOW = {"width": 1400, "height": 900}


def main() -> None:
    """Watch a busy house for a while, then write and photograph a page for each dashboard."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with busy_house() as (house, prometheus):
        print(f"A busy shop is watched for {BUSY_S:.0f} s …", file=sys.stderr, flush=True)
        time.sleep(BUSY_S / 2)
        make_trouble(house)  # once more: what has just happened for the first time is no rate yet
        time.sleep(BUSY_S / 2)
        pages = [_written(dashboard, prometheus) for dashboard in DASHBOARDS]
    _photographed(pages)
    print("\n".join(str(page.with_suffix(".png")) for page in pages))


def _written(dashboard: Dashboard, prometheus: Prometheus) -> Path:
    lines = {panel.title: lines_of(panel, prometheus, BUSY_S) for row in dashboard.rows for panel in row.panels}
    page = TARGET / f"{dashboard.uid}.html"
    page.write_text(page_of(dashboard, lines))
    return page


def _photographed(pages: list[Path]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=QUIET)
        look = browser.new_page(viewport=WINDOW)  # type: ignore[arg-type]
        for page in pages:
            look.goto(page.as_uri())
            look.screenshot(path=page.with_suffix(".png"), full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
