"""The counters and histograms of billing."""

from config.metrics.registry import WAIT_BUCKETS, counter, histogram

PAYMENTS_TOTAL = counter(
    "tillkeeper_payments_total",
    "Payments by the state they reached, and by what asked for the check that found it.",
    *("account", "status", "found_by"),
)
SETTLE_SECONDS = histogram(
    "tillkeeper_payment_settle_seconds",
    "From the start of a payment to its known outcome.",
    *("status", "found_by"),
    buckets=WAIT_BUCKETS,
)
REFUNDS_TOTAL = counter("tillkeeper_refunds_total", "Refunds by the state they reached.", "account", "status")
CALLBACKS_TOTAL = counter(
    "tillkeeper_callbacks_total",
    "Callbacks received or repeated, and how they were processed, by outcome.",
    *("account", "result"),
)
CALLBACKS_LOST_TOTAL = counter(
    "tillkeeper_callbacks_lost_total", "Payments whose success polling found before any callback came.", "account"
)
CHECK_LATENESS_SECONDS = histogram(
    "tillkeeper_check_lateness_seconds", "How much later than promised a scheduled check began.", "track"
)
REQUEST_SECONDS = histogram(
    "tillkeeper_provider_request_seconds",
    "Requests to a provider by outcome: answered, or the name of an error.",
    *("account", "operation", "outcome"),
)
