"""The shop's counters and histograms, and the gauge of its mails, which is read on each scrape."""

from collections.abc import Callable, Iterator
from functools import wraps
from time import perf_counter

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from commerce.mail.queue import MAIL_QUEUE
from commerce.models import Notification
from config.database.counts import COUNTED_AT_MOST, capped, in_one_round_trip
from config.metrics.registry import DATABASE, SECONDS_BUCKETS, Value, counter, histogram, reader, reading

ORDERS_TOTAL = counter(
    "tillkeeper_orders_total",
    "Orders by event: placed, paid, canceled, expired, delivered, refunded, attention.",
    "event",
)
CHECKOUT_SECONDS = histogram(
    "tillkeeper_checkout_seconds",
    "Duration of a checkout, by outcome: sent_on (the order is placed), refused, error.",
    "outcome",
    buckets=SECONDS_BUCKETS,
)
MAILS_TOTAL = counter(
    "tillkeeper_mails_total",
    "Mails by outcome: sent, put_off, given_up, uncertain (given up because it may have arrived).",
    *("kind", "outcome"),
)
UNSENT_GAUGE = reading(
    "tillkeeper_unsent_mails",
    f"Unsent mails: queued, or given up; {COUNTED_AT_MOST} means as many or more.",
    "status",
)

View = Callable[[HttpRequest], HttpResponse]


def measured_checkout(view: View) -> View:
    """Measure the POST of the checkout page; a GET only shows the form."""

    @wraps(view)
    def timed(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return view(request)
        outcome, started = "error", perf_counter()
        try:
            answer = view(request)
            outcome = "sent_on" if answer.status_code == 302 else "refused"
            return answer
        finally:
            CHECKOUT_SECONDS.labels(outcome).observe(perf_counter() - started)

    return timed


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
