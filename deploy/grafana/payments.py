"""Payments: their outcomes, what found them, and how soon."""

from deploy.grafana.model import Dashboard, Query, Row
from deploy.grafana.words import chart, or_zero, per_minute, percentile

PAYMENTS = Dashboard(
    "tillkeeper-payments",
    "Tillkeeper · Payments",
    "The outcomes of payments, what found them, and how soon; callbacks, refunds, and rows that need an operator.",
    [
        Row(
            "Outcomes",
            [
                chart(
                    "Payments by the state they reached",
                    "Payments per minute. Pending: the provider knows it. All others except authorized are end states.",
                    "cpm",
                    Query(per_minute("tillkeeper_payments_total", "status"), "{{status}}"),
                ),
                chart(
                    "What found the outcome",
                    "Payments that ended per minute, by what asked for the check: callbacks are the fastest, the "
                    "schedule always works.",
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
                    "From the start to the known outcome",
                    "The median of succeeded payments. It includes the time that the customer took to pay.",
                    "s",
                    Query(
                        percentile(0.5, "tillkeeper_payment_settle_seconds", "found_by", 'status="succeeded"'),
                        "found by {{found_by}}",
                    ),
                ),
                chart(
                    "The oldest open payment",
                    "Its age. Payments that need an operator stay open for long.",
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
                    "95 % of scheduled checks began at most this long after their time.",
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
                    "Callbacks per minute: received or repeated, and their outcomes.",
                    "cpm",
                    Query(per_minute("tillkeeper_callbacks_total", "result"), "{{result}}"),
                ),
                chart(
                    "Callbacks that did not come",
                    "Payments per minute whose success polling found before any callback came.",
                    "cpm",
                    Query(or_zero(per_minute("tillkeeper_callbacks_lost_total", "account")), "{{account}}"),
                ),
                chart(
                    "Refunds",
                    "Refunds per minute, by the state they reached.",
                    "cpm",
                    Query(or_zero(per_minute("tillkeeper_refunds_total", "status")), "{{status}}"),
                ),
                chart(
                    "Disputes",
                    "Disputes that are not decided, by state.",
                    "short",
                    Query(or_zero("max by (account, status) (tillkeeper_open_disputes)"), "{{account}}, {{status}}"),
                ),
                chart(
                    "Needs an operator",
                    "Rows that wait for a decision, by kind: manage.py payments attention.",
                    "short",
                    Query("max by (kind) (tillkeeper_attention_rows)", "{{kind}}"),
                ),
            ],
        ),
    ],
    console_page="payments/",
)
