"""Work and queues: due rows and their outcomes, and the messages."""

from deploy.grafana.model import Dashboard, Query, Row
from deploy.grafana.words import EVERY, chart, or_zero, per_minute, percentile

WORK = Dashboard(
    "tillkeeper-work",
    "Tillkeeper · Work and queues",
    "Due rows and their outcomes, read from the database; the messages that wake the workers; RabbitMQ.",
    [
        Row(
            "Rows",
            [
                chart(
                    "Due rows",
                    "Due rows, by kind of work. A growing backlog has too few workers, or none.",
                    "short",
                    Query("max by (work) (tillkeeper_due_rows)", "{{work}}"),
                ),
                chart(
                    "Lag",
                    "How late the oldest due row is, by kind of work.",
                    "s",
                    Query("max by (work) (tillkeeper_lag_seconds)", "{{work}}"),
                ),
                chart(
                    "Claims",
                    "Rows per minute that workers claimed.",
                    "cpm",
                    Query(per_minute("tillkeeper_claims_total", "work"), "{{work}}"),
                ),
                chart(
                    "Outcomes",
                    "Outcomes per minute. Snoozed: not yet. Put off: an expected error. Failed: an unexpected one.",
                    "cpm",
                    Query(per_minute("tillkeeper_outcomes_total", "outcome"), "{{outcome}}"),
                ),
            ],
        ),
        Row(
            "Messages",
            [
                chart(
                    "Waiting time",
                    "95 % of messages waited less, from when they were sent or their delay was over.",
                    "s",
                    Query(percentile(0.95, "tillkeeper_message_wait_seconds", "queue"), "{{queue}}"),
                ),
                chart(
                    "Working time by actor",
                    "95 % of messages took less than this.",
                    "ms",
                    Query(percentile(0.95, "dramatiq_message_duration_milliseconds", "actor_name"), "{{actor_name}}"),
                ),
                chart(
                    "Messages by outcome",
                    "Messages per minute. Dropped: too old, the next sweep does it. Failed: a dead letter.",
                    "cpm",
                    Query(per_minute("tillkeeper_messages_total", "outcome"), "{{outcome}}"),
                ),
                chart(
                    "In progress",
                    "Messages that workers process, and those that wait in their memory for a retry.",
                    "short",
                    Query("sum(dramatiq_messages_inprogress)", "in progress"),
                    Query(or_zero("sum(dramatiq_delayed_messages_inprogress)"), "delayed"),
                ),
                chart(
                    "Nudges",
                    "Nudges per minute. Dropped ones only cost time; many of them mean that RabbitMQ is down.",
                    "cpm",
                    Query(per_minute("tillkeeper_nudges_total", "outcome"), "{{outcome}}"),
                ),
                chart(
                    "Messages by actor",
                    "Processed messages per minute.",
                    "cpm",
                    Query(per_minute("dramatiq_messages_total", "actor_name"), "{{actor_name}}"),
                ),
            ],
        ),
        Row(
            "Queues",
            [
                chart(
                    "Queued messages",
                    "By queue; .DQ holds delayed messages, .XQ dead letters, for a week.",
                    "short",
                    Query("max by (queue) (tillkeeper_queue_messages)", "{{queue}}"),
                ),
                chart(
                    "The oldest message",
                    "Its age, by queue; 0 if the queue is empty.",
                    "s",
                    Query("max by (queue) (tillkeeper_queue_oldest_seconds)", "{{queue}}"),
                ),
                chart(
                    "Consumers",
                    "The consumers of each queue. A main queue without one has no worker.",
                    "short",
                    Query('max by (queue) (tillkeeper_queue_consumers{queue!~".*[.]XQ"})', "{{queue}}"),
                ),
                chart(
                    "Dead letters",
                    "Messages that were given up and wait for an operator: manage.py jobs dead.",
                    "short",
                    Query('max by (queue) (tillkeeper_queue_messages{queue=~".*[.]XQ"})', "{{queue}}"),
                ),
            ],
        ),
        Row(
            "RabbitMQ itself",
            [
                chart(
                    "Messages through the broker",
                    "Messages per second received and delivered.",
                    "cps",
                    Query(f"sum(rate(rabbitmq_global_messages_received_total[{EVERY}]))", "received"),
                    Query(f"sum(rate(rabbitmq_global_messages_delivered_total[{EVERY}]))", "delivered"),
                ),
                chart(
                    "Connections and channels",
                    "A number that only grows is a leak.",
                    "short",
                    Query("sum(rabbitmq_connections)", "connections"),
                    Query("sum(rabbitmq_channels)", "channels"),
                ),
                chart(
                    "Memory",
                    "The memory used by the node, and the limit at which it stops accepting messages.",
                    "bytes",
                    Query("rabbitmq_process_resident_memory_bytes", "used, {{instance}}"),
                    Query("rabbitmq_resident_memory_limit_bytes", "limit, {{instance}}"),
                ),
                chart(
                    "Disk",
                    "The free disk space, and the limit at which it stops accepting messages.",
                    "bytes",
                    Query("rabbitmq_disk_space_available_bytes", "free, {{instance}}"),
                    Query("rabbitmq_disk_space_available_limit_bytes", "limit, {{instance}}"),
                ),
            ],
        ),
    ],
    console_page="work/",
)
