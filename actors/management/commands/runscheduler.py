"""The scheduler as a process of its own; several may run."""

import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from actors.metrics.serving import serve_page_of_scheduler
from actors.scheduler import in_background
from actors.startup import services_problems
from actors.stopping import stop_signal
from config.nudges import publisher

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Runs the scheduler: fires what stands in actors/schedule.py. Several may run; each tick fires once."

    def handle(self, *args: Any, **options: Any) -> None:
        problems = services_problems()
        if problems:
            raise CommandError("\n".join(problems))
        told = stop_signal()
        serve_page_of_scheduler()
        with in_background() as scheduler:
            log.info("scheduler.started", extra={"scheduler": scheduler.name, "entries": len(scheduler.actors)})
            told.get()
        publisher.flush(timeout_s=1)
        log.info("scheduler.stopped")
