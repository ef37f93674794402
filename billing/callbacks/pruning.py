"""Deletes old callbacks."""

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from billing.models import Callback
from billing.states import OPEN_STATES
from config.due import shutting_down

log = logging.getLogger(__name__)

BATCH = 500
"""Rows per delete: with bodies of up to 64 KiB each, it takes a fraction of a second."""


def prune_callbacks(seconds: float) -> bool:
    """Delete callbacks older than CALLBACK_RETENTION_DAYS for up to `seconds`; True if there may be more.

    Callbacks that are not processed are kept, and those of payments whose outcome is not known.
    """
    ends_at, deleted, full = time.monotonic() + seconds, 0, True
    while full and time.monotonic() < ends_at and not shutting_down.is_set():
        batch = list(_old().order_by("received_at").values_list("pk", flat=True)[:BATCH])
        deleted += _old().filter(pk__in=batch).delete()[0]
        full = len(batch) == BATCH
    if deleted:
        log.info("callbacks.pruned", extra={"deleted": deleted, "finished": not full})
    return full


def _old() -> QuerySet[Callback]:
    age = timedelta(days=settings.CALLBACK_RETENTION_DAYS)
    done = Callback.objects.filter(received_at__lt=Now() - age).exclude(outcome=Callback.Outcome.WAITING)
    return done.filter(Q(payment=None) | ~Q(payment__status__in=OPEN_STATES))
