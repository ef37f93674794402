"""The shop's gauges, read on each scrape."""

from collections.abc import Iterator

from django.db.models import QuerySet

from commerce.mail.queue import MAIL_QUEUE
from commerce.models import Notification
from config.database.counts import COUNTED_AT_MOST, capped, in_one_round_trip
from config.metrics.registry import DATABASE, Value, reader, reading

UNSENT_GAUGE = reading(
    "tillkeeper_unsent_mails",
    f"Unsent mails: queued, or given up; {COUNTED_AT_MOST} means as many or more.",
    "status",
)


@reader(DATABASE)
def mails() -> Iterator[Value]:
    """Unsent mails of both states."""
    queued, given_up = unsent_mails()
    yield UNSENT_GAUGE, ("queued",), queued
    yield UNSENT_GAUGE, ("given_up",), given_up


def unsent_mails() -> tuple[int, int]:
    """The number of queued mails and of given-up mails, each counted up to COUNTED_AT_MOST."""
    waiting, failed = capped(MAIL_QUEUE.appointments(), "send_after"), capped(mails_given_up(), "pk")
    queued, given_up = in_one_round_trip(waiting, failed)
    return queued, given_up


def mails_given_up() -> QuerySet[Notification]:
    """Mails that are not retried, newest first; they have a partial index."""
    return Notification.objects.filter(status=Notification.Status.GIVEN_UP).order_by("-pk")
