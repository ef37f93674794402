"""Deletes old data of the shop, and notices new keys."""

import dramatiq

from actors.queues import ROUTINE
from commerce import pruning
from commerce.accounts import keys
from commerce.accounts.pruning import prune_accounts as prune
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
def prune_accounts() -> bool:
    """Delete sessions that are over, and counted tries that are forgotten."""
    if prune(CLEANUP_S):
        nudge("prune_accounts")
    return True


@dramatiq.actor(**ROUTINE)
def log_key_changes() -> bool:
    """Say in the security log which keys have changed."""
    keys.log_changes()
    return True


@dramatiq.actor(**ROUTINE)
def erase_old_data() -> bool:
    """Delete personal data of customers that is older than its retention time."""
    if retention.erase_old_data(CLEANUP_S):
        nudge("erase_old_data")
    return True
