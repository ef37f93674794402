"""Providers: their answers, their speed, and the limits on our calls."""

from deploy.grafana.model import Dashboard, Query, Row
from deploy.grafana.words import EVERY, chart, per_minute, percentile, states

CALLS = "tillkeeper_provider_request_seconds"

NOT_ANSWERED = 'outcome!~"answered|refused|amount_not_accepted"'
"""A refusal is an answer, and our own one too."""

PROVIDERS = Dashboard(
    "tillkeeper-providers",
    "Tillkeeper · Providers",
    "Their answers and their speed, and the limits on our calls: breaker, pause, rate limit.",
    [
        Row(
            "Answers",
            [
                chart(
                    "Calls",
                    "Calls per minute, by account and operation.",
                    "cpm",
                    Query(per_minute(f"{CALLS}_count", "account, operation"), "{{account}} {{operation}}"),
                ),
                chart(
                    "Calls by outcome",
                    "Calls per minute by outcome: answered, or the name of the error.",
                    "cpm",
                    Query(per_minute(f"{CALLS}_count", "account, outcome"), "{{account}} {{outcome}}"),
                ),
                chart(
                    "How long they take",
                    "95 % of calls took less. PAYMENT_API_TIMEOUT_S is the timeout.",
                    "s",
                    Query(percentile(0.95, CALLS, "account, operation"), "{{account}} {{operation}}"),
                ),
                chart(
                    "Refusals to create",
                    "Payments in a row that the provider refused to create. The mistake is ours.",
                    "short",
                    Query("max by (account) (tillkeeper_creations_refused)", "{{account}}"),
                ),
                chart(
                    "Calls without a usable answer",
                    "Their share. A refusal is an answer.",
                    "percentunit",
                    Query(
                        f"(sum by (account) (rate({CALLS}_count{{{NOT_ANSWERED}}}[{EVERY}]))"
                        f" or 0 * sum by (account) (rate({CALLS}_count[{EVERY}])))"
                        f" / sum by (account) (rate({CALLS}_count[{EVERY}]))",
                        "{{account}}",
                    ),
                ),
            ],
        ),
        Row(
            "Limits",
            [
                states(
                    "Breakers",
                    "The breaker of each account. Closed: calls pass. Open: only a probe. Held: by an operator.",
                    Query(
                        'max by (account) (tillkeeper_breaker_state{state="held"})'
                        ' + 2 * max by (account) (tillkeeper_breaker_state{state="open"})',
                        "{{account}}",
                    ),
                    {0: ("closed", "green"), 1: ("held", "orange"), 2: ("open", "red")},
                ),
                chart(
                    "Errors in a row",
                    "Calls without an answer since the last one; five of them open the breaker.",
                    "short",
                    Query("max by (account) (tillkeeper_account_errors)", "{{account}}"),
                ),
                chart(
                    "Pause",
                    "How long the pause that the provider asked for still lasts.",
                    "s",
                    Query("max by (account) (tillkeeper_account_paused_seconds)", "{{account}}"),
                ),
                chart(
                    "Rate limit",
                    "How far ahead its slots are taken. Above a second the limit slows us down.",
                    "s",
                    Query("max by (account) (tillkeeper_account_slots_taken_seconds)", "{{account}}"),
                ),
            ],
        ),
    ],
    console_page="providers/",
)
