"""Reviews."""

import dramatiq

from actors.queues import ROUTINE
from commerce.reviews import service as reviews
from config.messaging.nudges import nudge

REQUEST_S = 300.0
"""Time limit for one message, half of the actors' time limit; the next message continues."""


@dramatiq.actor(**ROUTINE)
def request_reviews() -> bool:
    """Ask the customers whose orders were delivered some days ago."""
    if reviews.request_due(REQUEST_S):
        nudge("request_reviews")
    return True
