"""What billing counts."""

from config.metrics.registry import WAIT_BUCKETS, counter, histogram

PAYMENTS_TOTAL = counter(
    "tillkeeper_payments_total",
    "Payments by the state they came to, and by whose question found it out.",
    *("account", "status", "found_by"),
)
SETTLE_SECONDS = histogram(
    "tillkeeper_payment_settle_seconds",
    "From the beginning of a payment to its known end.",
    *("status", "found_by"),
    buckets=WAIT_BUCKETS,
)
REFUNDS_TOTAL = counter("tillkeeper_refunds_total", "Refunds by the state they came to.", "account", "status")
CALLBACKS_TOTAL = counter(
    "tillkeeper_callbacks_total",
    "Callbacks that came (received, repeated), and what became of them, in the words of their outcomes.",
    *("account", "result"),
)
CALLBACKS_LOST_TOTAL = counter(
    "tillkeeper_callbacks_lost_total", "Payments whose success polling found before any callback told of it.", "account"
)
CHECK_LATENESS_SECONDS = histogram(
    "tillkeeper_check_lateness_seconds", "How much later than promised a payment's booked look began.", "track"
)
REQUEST_SECONDS = histogram(
    "tillkeeper_provider_request_seconds",
    "Questions to a provider by what came of them: answered, or the name of an error.",
    *("account", "operation", "outcome"),
)
