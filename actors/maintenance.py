"""Deletes old data of the shop."""

import dramatiq

from actors.queues import ROUTINE
from commerce import pruning
from config.messaging.nudges import nudge

CLEANUP_S = 300.0
"""Time limit for one message, well within the actors' time limit; the next message continues."""


@dramatiq.actor(**ROUTINE)
def cleanup_old_carts() -> bool:
    """Delete abandoned carts."""
    if pruning.cleanup_old_carts(CLEANUP_S):
        nudge("cleanup_old_carts")
    return True
