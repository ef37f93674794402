"""Providers: do they answer, how soon, and what keeps us from asking?"""

from deploy.grafana.model import Dashboard, Query, Row
from deploy.grafana.words import EVERY, chart, per_minute, percentile

CALLS = "tillkeeper_provider_request_seconds"

PROVIDERS = Dashboard(
    "tillkeeper-providers",
    "Tillkeeper · Providers",
    "Do they answer, how soon, with what; and what keeps us from asking: breaker, pause, rate limit.",
    [
        Row(
            "Answers",
            [
                chart(
                    "Calls",
                    "Calls a minute, by account and operation.",
                    "cpm",
                    Query(per_minute(f"{CALLS}_count", "account, operation"), "{{account}} {{operation}}"),
                ),
                chart(
                    "What came of them",
                    "Calls a minute by outcome: answered, or the name of the error.",
                    "cpm",
                    Query(per_minute(f"{CALLS}_count", "account, outcome"), "{{account}} {{outcome}}"),
                ),
                chart(
                    "How long they take",
                    "Nineteen of twenty calls took less. PAYMENT_API_TIMEOUT_S is the longest that is waited.",
                    "s",
                    Query(percentile(0.95, CALLS, "account, operation"), "{{account}} {{operation}}"),
                ),
                chart(
                    "Calls without a usable answer",
                    "Their share. A refusal is an answer.",
                    "percentunit",
                    Query(
                        f'(sum by (account) (rate({CALLS}_count{{outcome!~"answered|refused"}}[{EVERY}]))'
                        f" or 0 * sum by (account) (rate({CALLS}_count[{EVERY}])))"
                        f" / sum by (account) (rate({CALLS}_count[{EVERY}]))",
                        "{{account}}",
                    ),
                ),
            ],
        ),
        Row(
            "May we ask?",
            [
                chart(
                    "Breakers",
                    "1 for the state that each is in: closed (calls pass), open (only a probe), held by hand.",
                    "short",
                    Query("max by (account, state) (tillkeeper_breaker_state)", "{{account}} {{state}}"),
                ),
                chart(
                    "Errors in a row",
                    "Calls without an answer since the last one; five of them open the breaker.",
                    "short",
                    Query("max by (account) (tillkeeper_account_errors)", "{{account}}"),
                ),
                chart(
                    "Pause",
                    "For how long the provider still wants to be left alone.",
                    "s",
                    Query("max by (account) (tillkeeper_account_paused_seconds)", "{{account}}"),
                ),
                chart(
                    "Rate limit",
                    "How far ahead its slots are taken. Above a second the limit is what slows us down.",
                    "s",
                    Query("max by (account) (tillkeeper_account_slots_taken_seconds)", "{{account}}"),
                ),
            ],
        ),
    ],
)
