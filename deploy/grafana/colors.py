"""The color of each state: the same word has the same color on every panel."""

from collections.abc import Mapping, Sequence
from typing import Any

STATE_LABELS = ("status", "outcome", "event", "result", "state")
"""Labels whose values are states. A legend that ends with one of them has fixed colors."""

COLORS: Mapping[str, Sequence[str]] = {
    "green": (
        "succeeded", "paid", "delivered", "done", "sent", "answered", "looked", "won",
        "logged_in", "signed_up", "password_changed", "password_reset", "second_factor_accepted",
        "second_factor_set_up",
    ),
    "gray": (
        "created", "pending", "authorized", "placed", "queued", "received", "waiting", "snoozed", "review",
        "sign_up_asked", "password_reset_asked",
    ),
    "blue": (
        "canceled", "expired", "refunded", "repeated", "left", "released", "claim_lost", "dropped",
        "logged_out", "sessions_ended", "second_factor_removed",
    ),
    "orange": (
        "attention", "put_off", "retried", "uncertain", "refused", "amount_not_accepted", "not_now", "not_offered",
        "deadline_passed", "unknown_payment", "open", "throttled", "recovery_code_used", "key_changed", "not_stored",
    ),
    "red": (
        "failed", "error", "given_up", "forged", "malformed", "refused_by_server", "lost", "unknown", "unreachable",
        "unavailable", "stored_failure", "bad_answer", "wrong_credentials", "not_found",
        "log_in_failed", "permission_refused", "second_factor_refused",
    ),
}  # fmt: skip
"""Green: as it should be. Gray: it waits, and nothing is wrong. Blue: ended without success, or without an effect.
Orange: a person or a later attempt decides. Red: it failed."""


def overrides(legends: Sequence[str]) -> list[dict[str, Any]]:
    """Grafana's fixed colors for a panel with these legends; none if no line is a state."""
    if not any(legend.endswith(f"{{{{{label}}}}}") for legend in legends for label in STATE_LABELS):
        return []
    return [
        {
            "matcher": {"id": "byRegexp", "options": f"/(^|[ ,])({'|'.join(words)})$/"},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}],
        }
        for color, words in COLORS.items()
    ]
