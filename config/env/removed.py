"""Settings of earlier releases. One that is still set has no effect: the log says so once per process."""

import logging
import os

log = logging.getLogger(__name__)

REMOVED = frozenset({
    "CALLBACK_MAX_BYTES", "CALLBACK_SIGNATURE_TOLERANCE_S", "CONSOLE_LATE_S", "CONSOLE_REFRESH_S",
    "DATABASE_CONNECT_TIMEOUT_S", "GROWING_INTERVAL_LIMIT_S", "JOB_TRACEBACK_CHARS", "PAYMENT_API_MAX_BYTES",
    "PAYMENT_ERROR_BACKOFF_LIMIT_S", "PROVIDER_BREAKER_ERRORS", "PROVIDER_BREAKER_PROBE_S",
    "PROVIDER_BREAKER_WINDOW_S", "PROVIDER_BURST_CALLS", "PROVIDER_PATIENCE_S", "PROVIDER_PAUSE_LIMIT_S",
    "PROVIDER_RATE_LIMIT_PER_S", "RECONCILIATION_DAYS_BACK", "RECONCILIATION_DELAY_S", "RECONCILIATION_NIGHTS",
    "REFUND_CHECK_INTERVAL_LIMIT_S", "REFUND_CHECK_INTERVAL_S", "REFUND_KEY_KEPT_S", "REVIEW_MAX_CHARS",
    "REVIEW_REQUEST_UNTIL_DAYS", "WORKER_BEAT_S", "YOOKASSA_LAPSE_S",
})  # fmt: skip


def warn() -> None:
    """Log each removed setting that the environment still has."""
    for name in sorted(REMOVED & os.environ.keys()):
        log.warning("setting.removed", extra={"setting": name})
