"""What the background work writes about itself."""

from actors.models.console import Console
from actors.models.tick import Tick

__all__ = ["Console", "Tick"]
