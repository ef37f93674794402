"""What billing counts."""

from config.metrics import WAITS, counter, histogram

PAYMENTS = counter(
    "tillkeeper_payments_total",
    "Payments by the state they came to, and by whose question found it out.",
    *("account", "status", "found_by"),
)
SETTLE_SECONDS = histogram(
    "tillkeeper_payment_settle_seconds",
    "From the beginning of a payment to its known end.",
    *("status", "found_by"),
    buckets=WAITS,
)
REFUNDS = counter("tillkeeper_refunds_total", "Refunds by the state they came to.", "account", "status")
CALLBACKS = counter(
    "tillkeeper_callbacks_total",
    "Callbacks that came (received, repeated), and what became of them, in the words of their outcomes.",
    *("account", "result"),
)
CALLBACKS_LOST = counter(
    "tillkeeper_callbacks_lost_total", "Payments whose success polling found before any callback told of it.", "account"
)
CHECK_LATENESS = histogram(
    "tillkeeper_check_lateness_seconds", "How much later than promised a payment's booked look began.", "track"
)
REQUESTS = histogram(
    "tillkeeper_provider_request_seconds",
    "Questions to a provider by what came of them: answered, or the name of an error.",
    *("account", "operation", "outcome"),
)
