"""Mail: queued, sent and given up."""

from deploy.grafana.model import Dashboard, Query, Row, Steps
from deploy.grafana.words import SHOULD_BE_NONE, chart, number, or_zero, per_minute, percentile

DURATION = "dramatiq_message_duration_milliseconds"

MAIL = Dashboard(
    "tillkeeper-mail",
    "Tillkeeper · Mail",
    "Mails that are queued, sent or given up, and how the mail server answers.",
    [
        Row(
            "Now",
            [
                number(
                    "The oldest is late by",
                    "How late the oldest due mail is.",
                    'max(tillkeeper_lag_seconds{work="notification"})',
                    "s",
                    Steps(30, 300),
                ),
                number(
                    "Queued", "Mails that wait, due or not.", 'max(tillkeeper_unsent_mails{status="queued"})',
                    steps=Steps(1_000, 10_000),
                ),
                number(
                    "Given up",
                    "Mails that are sent only if an operator chooses Send again.",
                    'max(tillkeeper_unsent_mails{status="given_up"})',
                    steps=SHOULD_BE_NONE,
                ),
                number(
                    "Sent in the last hour",
                    "By all running workers.",
                    or_zero('round(sum(increase(tillkeeper_mails_total{outcome="sent"}[1h])))'),
                ),
            ],
        ),
        Row(
            "Over time",
            [
                chart(
                    "Sent",
                    "Mails per minute that the server accepted, by kind.",
                    "cpm",
                    Query(per_minute("tillkeeper_mails_total", "kind", 'outcome="sent"'), "{{kind}}"),
                    stacked=True,
                ),
                chart(
                    "Mails by outcome",
                    "Mails per minute. Uncertain: it may have arrived when a worker died, and is not sent again.",
                    "cpm",
                    Query(per_minute("tillkeeper_mails_total", "outcome"), "{{outcome}}"),
                ),
                chart(
                    "Waiting",
                    "Mails that were not sent: queued, or given up.",
                    "short",
                    Query("max by (status) (tillkeeper_unsent_mails)", "{{status}}"),
                ),
                chart(
                    "Lag",
                    "How late the oldest due mail is.",
                    "s",
                    Query('max by (work) (tillkeeper_lag_seconds{work="notification"})', "{{work}}"),
                ),
                chart(
                    "How long a sweep takes",
                    "95 % of sweeps took less. While the mail server hangs it is EMAIL_TIMEOUT_S.",
                    "ms",
                    Query(percentile(0.95, DURATION, where='actor_name="send_pending_emails"'), "send_pending_emails"),
                ),
            ],
        ),
    ],
    console_page="mail/",
)  # fmt: skip
