"""The shop's counters and histograms."""

from collections.abc import Callable
from time import perf_counter

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from config.metrics.registry import SECONDS_BUCKETS, counter, histogram

ORDERS_TOTAL = counter(
    "tillkeeper_orders_total",
    "Orders by event: placed, paid, canceled, expired, delivered, refunded, attention.",
    "event",
)
ORDERS_REFUSED_TOTAL = counter(
    "tillkeeper_orders_refused_total",
    "Orders that were not placed, by reason: unpaid_orders and unpaid_pieces (too much is held unpaid), not_enough, "
    "not_sold, cart_changed, delivery, amount_not_taken, currencies, nothing_to_pay, too_much.",
    "reason",
)
CHECKOUT_SECONDS = histogram(
    "tillkeeper_checkout_seconds",
    "Duration of a checkout, by outcome: sent_on (to the provider), placed (and not payable yet), refused, error (also "
    "of a page before it).",
    "outcome",
    buckets=SECONDS_BUCKETS,
)
MAILS_TOTAL = counter(
    "tillkeeper_mails_total",
    "Mails by outcome: sent, put_off, refused_by_server (put off: it is not about the mail), given_up, "
    "uncertain (given up because it may have arrived).",
    *("kind", "outcome"),
)

STAGES = frozenset({"catalogue", "product", "cart", "cart-add", "cart-change", "checkout"})
"""The URL names of all pages up to the button. An error on one of them is a checkout that ends in an error."""


class MeasureCheckout:
    """Middleware, the outermost one: a session that cannot be stored fails after the view.

    Measures each POST of the checkout page, and each 5xx of the pages before it. Other page views are not measured.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        answer = self.get_response(request)
        stage = request.resolver_match.url_name if request.resolver_match else None
        if stage in STAGES and (answer.status_code >= 500 or (stage == "checkout" and request.method == "POST")):
            CHECKOUT_SECONDS.labels(_outcome(answer)).observe(perf_counter() - started)
        return answer


def _outcome(answer: HttpResponse) -> str:
    """By where the customer is sent: to the provider, to the order's page, or back to the cart or the form."""
    if answer.status_code >= 500:
        return "error"
    if not isinstance(answer, HttpResponseRedirect) or answer.url == reverse("cart"):
        return "refused"
    return "placed" if answer.url.startswith("/") else "sent_on"
