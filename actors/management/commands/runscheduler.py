"""The scheduler as a separate process; several may run."""

import logging
from typing import Any

from actors.runtime.probes import report
from actors.runtime.startup import services_problems, stop_signal
from actors.scheduling.scheduler import in_background
from config.cli.command import Command as Base
from config.cli.command import NoAnswer
from config.health.systemd import notify
from config.messaging.nudges import publisher
from config.metrics.registry import BROKER

log = logging.getLogger(__name__)


class Command(Base):
    help = "Runs the scheduler of actors/scheduling/table.py. Several may run; each tick fires once."

    def handle(self, *args: Any, **options: Any) -> None:
        problems = services_problems()
        if problems:
            raise NoAnswer("\n".join(problems))
        told = stop_signal()
        with in_background() as scheduler:
            log.info("scheduler.started", extra={"scheduler": scheduler.name, "entries": len(scheduler.actors)})
            report("scheduler", scheduler.health(), "SCHEDULER_METRICS_PORT", BROKER)
            told.get()
            notify("STOPPING=1")
        publisher.flush(timeout_s=1)
        log.info("scheduler.stopped")
