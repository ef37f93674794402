"""Deletes old data of the shop."""

import dramatiq

from actors.queues import ROUTINE
from commerce import pruning
from commerce.personal_data import retention
from config.messaging.nudges import nudge

CLEANUP_S = 300.0
"""Time limit for one message, well within the actors' time limit; the next message continues."""


@dramatiq.actor(**ROUTINE)
def cleanup_old_carts() -> bool:
    """Delete abandoned carts."""
    if pruning.cleanup_old_carts(CLEANUP_S):
        nudge("cleanup_old_carts")
    return True


@dramatiq.actor(**ROUTINE)
def erase_old_data() -> bool:
    """Delete personal data of customers that is older than its retention time."""
    if retention.erase_old_data(CLEANUP_S):
        nudge("erase_old_data")
    return True
