"""Deletes the history of the background work."""

import dramatiq

from actors.queues import ROUTINE
from actors.runtime import history
from actors.scheduling import ledger
from billing import four_eyes
from billing.callbacks.inbox import prune_bodies, prune_callbacks
from config.messaging.nudges import nudge

CALLBACKS_S, JOBS_S = 120.0, 120.0
"""Time limit for one message, well within the actors' time limit; the next message continues."""


@dramatiq.actor(**ROUTINE)
def prune_history() -> bool:
    """Delete rows, and bodies of callbacks, that are older than their retention time; let old proposals expire."""
    ledger.prune()
    four_eyes.expire()
    if prune_callbacks(CALLBACKS_S) | prune_bodies(CALLBACKS_S) | history.prune(JOBS_S):
        nudge("prune_history")
    return True
