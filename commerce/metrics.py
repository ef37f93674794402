"""The shop's counters and histograms."""

from collections.abc import Callable
from functools import wraps
from time import perf_counter

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from config.metrics.registry import SECONDS_BUCKETS, counter, histogram

ORDERS_TOTAL = counter(
    "tillkeeper_orders_total",
    "Orders by event: placed, paid, canceled, expired, delivered, refunded, attention.",
    "event",
)
CHECKOUT_SECONDS = histogram(
    "tillkeeper_checkout_seconds",
    "Duration of a checkout, by outcome: sent_on (to the provider), placed (and not payable yet), refused, error.",
    "outcome",
    buckets=SECONDS_BUCKETS,
)
MAILS_TOTAL = counter(
    "tillkeeper_mails_total",
    "Mails by outcome: sent, put_off, refused_by_server (put off: it is not about the mail), given_up, "
    "uncertain (given up because it may have arrived).",
    *("kind", "outcome"),
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
            outcome = _outcome(answer)
            return answer
        finally:
            CHECKOUT_SECONDS.labels(outcome).observe(perf_counter() - started)

    return timed


def _outcome(answer: HttpResponse) -> str:
    """By where the customer is sent: to the provider, to the order's page, or back to the cart or the form."""
    if not isinstance(answer, HttpResponseRedirect) or answer.url == reverse("cart"):
        return "refused"
    return "placed" if answer.url.startswith("/") else "sent_on"
