"""The overview: the first page for the person on call."""

from deploy.grafana.model import Dashboard, Query, Row, Steps
from deploy.grafana.words import MUST_BE_UP, SHOULD_BE_NONE, answers, chart, number, or_zero, per_minute, percentile

OVERVIEW = Dashboard(
    "tillkeeper-overview",
    "Tillkeeper · Overview",
    "Is anyone waiting? Symptoms in the first row, parts in the second; each has its own page.",
    [
        Row(
            "Is anyone waiting?",
            [
                number(
                    "Payments are late by",
                    "How late the oldest due payment, callback or payment event is. Above 30 s customers notice.",
                    'max(tillkeeper_lag_seconds{work=~"payment|callback|payment_event"})',
                    "s",
                    Steps(10, 30),
                ),
                number(
                    "Mails are late by",
                    "How late the oldest due mail is.",
                    'max(tillkeeper_lag_seconds{work="notification"})',
                    "s",
                    Steps(30, 300),
                ),
                number(
                    "Checkout, slowest 5 %",
                    "5 % of customers waited longer than this at the button, in the last 5 minutes.",
                    or_zero(
                        "histogram_quantile(0.95, sum by (le) (rate(tillkeeper_checkout_seconds_bucket[5m]))) >= 0"
                    ),
                    "s",
                    Steps(1, 2),
                ),
                number(
                    "Checkouts that fail",
                    "Share of checkouts that ended in an error, in the last 5 minutes.",
                    or_zero(
                        'sum(rate(tillkeeper_checkout_seconds_count{outcome="error"}[5m]))'
                        " / (sum(rate(tillkeeper_checkout_seconds_count[5m])) > 0)"
                    ),
                    "percentunit",
                    Steps(0.01, 0.05),
                ),
                number(
                    "Needs an operator",
                    "Payments, refunds, differences and orders that wait for a decision: manage.py payments attention.",
                    "sum(max by (kind) (tillkeeper_attention_rows))",
                    steps=SHOULD_BE_NONE,
                ),
                number(
                    "Firing alerts",
                    "Pages and tickets, without the dead-man's switch.",
                    or_zero('count(ALERTS{alertstate="firing", severity=~"page|ticket"})'),
                    steps=SHOULD_BE_NONE,
                ),
            ],
        ),
        Row(
            "The parts",
            [
                number("Web", "Web processes that answer.", 'sum(up{job="web"})', steps=MUST_BE_UP),
                number("Workers", "Workers that answer.", 'sum(up{job="worker"})', steps=MUST_BE_UP),
                number("Schedulers", "Schedulers that answer.", 'sum(up{job="scheduler"})', steps=MUST_BE_UP),
                answers("RabbitMQ", "The scheduler reads the queues.", 'max(tillkeeper_reader_up{reader="queues"})'),
                answers("Database", "The web reads the lag.", 'max(tillkeeper_reader_up{job="web", reader="lag"})'),
                number(
                    "Breakers not closed",
                    "Accounts whose provider is not called, because it does not answer or an operator stopped it.",
                    'sum(max by (account, state) (tillkeeper_breaker_state{state!="closed"}))',
                    steps=Steps(1, 2),
                ),
            ],
        ),
        Row(
            "Activity",
            [
                chart(
                    "Lag by kind of work",
                    "How late the oldest due row of each kind is. It shows whether slow work is healthy.",
                    "s",
                    Query("max by (work) (tillkeeper_lag_seconds)", "{{work}}"),
                ),
                chart(
                    "Orders",
                    "Orders per minute, by event.",
                    "cpm",
                    Query(per_minute("tillkeeper_orders_total", "event"), "{{event}}"),
                ),
                chart(
                    "Checkout",
                    "How long the customer waits at the button: the median, and the slowest 5 %.",
                    "s",
                    Query(percentile(0.5, "tillkeeper_checkout_seconds"), "50 % are faster"),
                    Query(percentile(0.95, "tillkeeper_checkout_seconds"), "95 % are faster"),
                ),
                chart(
                    "Orders that were refused",
                    "Orders per minute that were not placed, by reason. unpaid_orders and unpaid_pieces: too much is "
                    "held unpaid.",
                    "cpm",
                    Query(or_zero(per_minute("tillkeeper_orders_refused_total", "reason")), "{{reason}}"),
                ),
                chart(
                    "Held unpaid",
                    "Orders that wait for payment, and the pieces that nobody else can buy meanwhile.",
                    "short",
                    Query("max(tillkeeper_unpaid_orders)", "orders"),
                    Query("max(tillkeeper_unpaid_pieces)", "pieces"),
                ),
                chart(
                    "Refused requests",
                    "Malformed requests per minute, by reason: scanners and attacks. They are no errors of ours.",
                    "cpm",
                    Query(per_minute("tillkeeper_refused_requests_total", "reason"), "{{reason}}"),
                ),
                chart(
                    "Open payments",
                    "Payments whose outcome is not known. On the fast track the customer may still be waiting.",
                    "short",
                    Query("sum by (track) (max by (account, track) (tillkeeper_open_payments))", "{{track}} track"),
                    stacked=True,
                ),
                chart(
                    "Security events",
                    "Events of the security log per minute. Many failed or throttled log-ins: passwords are guessed.",
                    "cpm",
                    Query(per_minute("tillkeeper_security_events_total", "event"), "{{event}}"),
                ),
            ],
        ),
    ],
)
