"""Payments: how they end, who finds it out, and how soon."""

from deploy.grafana.model import Dashboard, Query, Row
from deploy.grafana.words import chart, or_zero, per_minute, percentile

PAYMENTS = Dashboard(
    "tillkeeper-payments",
    "Tillkeeper · Payments",
    "How payments end, who finds it out, and how soon; callbacks, refunds, and what waits for a person.",
    [
        Row(
            "Ends",
            [
                chart(
                    "Payments by the state they came to",
                    "Payments a minute. Pending: the provider knows it. The others but authorized are ends.",
                    "cpm",
                    Query(per_minute("tillkeeper_payments_total", "status"), "{{status}}"),
                ),
                chart(
                    "Who found the end out",
                    "Payments that ended, a minute, by whose question brought it: a callback is quickest, the schedule "
                    "is the promise.",
                    "cpm",
                    Query(
                        per_minute(
                            "tillkeeper_payments_total", "found_by", 'status=~"succeeded|canceled|expired|failed"'
                        ),
                        "{{found_by}}",
                    ),
                    stacked=True,
                ),
                chart(
                    "From the beginning to the known end",
                    "Half of the payments that succeeded were known sooner. The customer's own time to pay is in it.",
                    "s",
                    Query(
                        percentile(0.5, "tillkeeper_payment_settle_seconds", "found_by", 'status="succeeded"'),
                        "found by {{found_by}}",
                    ),
                ),
                chart(
                    "The oldest open payment",
                    "Its age. Payments that a person must look at stay open long.",
                    "s",
                    Query("max by (account) (tillkeeper_oldest_open_payment_seconds)", "{{account}}"),
                ),
            ],
        ),
        Row(
            "Promised and kept",
            [
                chart(
                    "Open payments",
                    "Payments whose outcome is not known, by account and track.",
                    "short",
                    Query("max by (account, track) (tillkeeper_open_payments)", "{{account}}, {{track}} track"),
                    stacked=True,
                ),
                chart(
                    "How much later than promised",
                    "Nineteen of twenty booked looks began no later than this after their time.",
                    "s",
                    Query(percentile(0.95, "tillkeeper_check_lateness_seconds", "track"), "{{track}} track"),
                    Query(
                        "max by (track) (tillkeeper_check_interval_promised_seconds)",
                        "promised interval, {{track}} track",
                    ),
                ),
            ],
        ),
        Row(
            "Callbacks and refunds",
            [
                chart(
                    "Callbacks",
                    "Callbacks a minute: that they came (received, repeated), and what became of them.",
                    "cpm",
                    Query(per_minute("tillkeeper_callbacks_total", "result"), "{{result}}"),
                ),
                chart(
                    "Callbacks that did not come",
                    "Payments a minute whose success we found by asking, before any callback told of it.",
                    "cpm",
                    Query(or_zero(per_minute("tillkeeper_callbacks_lost_total", "account")), "{{account}}"),
                ),
                chart(
                    "Refunds",
                    "Refunds a minute, by the state they came to.",
                    "cpm",
                    Query(or_zero(per_minute("tillkeeper_refunds_total", "status")), "{{status}}"),
                ),
                chart(
                    "A person must look",
                    "Rows that wait for a decision, by kind: manage.py payments attention.",
                    "short",
                    Query("max by (kind) (tillkeeper_attention_rows)", "{{kind}}"),
                ),
            ],
        ),
    ],
)
