"""Records about the background work itself."""

from actors.models.console import Console
from actors.models.job import Job
from actors.models.pause import Pause
from actors.models.redelivery import Redelivery
from actors.models.tick import Tick
from actors.models.worker import Worker

__all__ = ["Console", "Job", "Pause", "Redelivery", "Tick", "Worker"]
