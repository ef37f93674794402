"""What the shop tells when somebody looks."""

from collections.abc import Iterator

from django.db.models import QuerySet

from commerce.mail.queue import MAIL_QUEUE
from commerce.models import Notification
from config.database.counts import COUNTED_AT_MOST, capped, in_one_round_trip
from config.metrics.registry import DATABASE, Value, reader, reading

UNSENT_GAUGE = reading(
    "tillkeeper_unsent_mails",
    f"Mails that were not sent: queued, or given up; {COUNTED_AT_MOST} means as many or more.",
    "status",
)


@reader(DATABASE)
def mails() -> Iterator[Value]:
    """Mails of both kinds that were not sent."""
    queued, given_up = unsent_mails()
    yield UNSENT_GAUGE, ("queued",), queued
    yield UNSENT_GAUGE, ("given_up",), given_up


def unsent_mails() -> tuple[int, int]:
    """How many mails are queued and how many were given up, each counted up to COUNTED_AT_MOST."""
    queued, lost = in_one_round_trip(capped(MAIL_QUEUE.appointments(), "send_after"), capped(mails_given_up(), "pk"))
    return queued, lost


def mails_given_up() -> QuerySet[Notification]:
    """The mails that are not tried again, the newest first; they have a partial index."""
    return Notification.objects.filter(status=Notification.Status.GIVEN_UP).order_by("-pk")
