"""The scheduler as a process of its own; several may run."""

import logging
from typing import Any

from actors.probes import watch
from actors.scheduler import in_background
from actors.startup import services_problems
from actors.stopping import stop_signal
from config.commands import Command as Base
from config.commands import NoAnswer
from config.metrics import BROKER
from config.notify import notify
from config.nudges import publisher

log = logging.getLogger(__name__)


class Command(Base):
    help = "Runs the scheduler: fires what stands in actors/schedule.py. Several may run; each tick fires once."

    def handle(self, *args: Any, **options: Any) -> None:
        problems = services_problems()
        if problems:
            raise NoAnswer("\n".join(problems))
        told = stop_signal()
        with in_background() as scheduler:
            log.info("scheduler.started", extra={"scheduler": scheduler.name, "entries": len(scheduler.actors)})
            watch("scheduler", scheduler.signs(), "SCHEDULER_METRICS_PORT", BROKER)
            told.get()
            notify("STOPPING=1")
        publisher.flush(timeout_s=1)
        log.info("scheduler.stopped")
