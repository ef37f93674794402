"""Deletes what no account needs any more: sessions that are over, and tries that are forgotten."""

import time

from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from commerce.accounts.throttling import KEPT
from commerce.models import LogIn, Throttle
from config.due import shutting_down
from config.due.queue import database_now

BATCH_ROWS = 500


def prune_accounts(seconds: float) -> bool:
    """Delete for up to `seconds`; True if some rows may be left and it should be called again."""
    end = time.monotonic() + seconds
    for delete in (_sessions, _log_ins, _tries):
        while delete() == BATCH_ROWS:
            if shutting_down.is_set() or time.monotonic() >= end:
                return True
    return False


def _sessions() -> int:
    """A batch of sessions that have expired, with their rows in the lists."""
    over = list(Session.objects.filter(expire_date__lt=database_now()).values_list("pk", flat=True)[:BATCH_ROWS])
    Session.objects.filter(pk__in=over).delete()
    return len(over)


def _log_ins() -> int:
    """A batch of rows whose session was deleted by a release that did not know them."""
    lost = LogIn.objects.filter(~Exists(Session.objects.filter(pk=OuterRef("pk"))))
    keys = list(lost.values_list("pk", flat=True)[:BATCH_ROWS])
    LogIn.objects.filter(pk__in=keys).delete()
    return len(keys)


def _tries() -> int:
    """A batch of counters that are forgotten. One that is tried in this moment stays."""
    forgotten = Throttle.objects.filter(tried_at__lt=Now() - KEPT)
    keys = list(forgotten.values_list("pk", flat=True)[:BATCH_ROWS])
    forgotten.filter(pk__in=keys).delete()
    return len(keys)
