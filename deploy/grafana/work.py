"""Work and queues: what is due, what becomes of it, and what messages do meanwhile."""

from deploy.grafana.model import Dashboard, Query, Row
from deploy.grafana.words import EVERY, chart, or_zero, per_minute, percentile

WORK = Dashboard(
    "tillkeeper-work",
    "Tillkeeper · Work and queues",
    "What is due and what becomes of it, read from the database; the messages that wake the workers; RabbitMQ.",
    [
        Row(
            "Rows",
            [
                chart(
                    "Due rows",
                    "Rows whose time has come, by kind of work. A backlog that grows has too few workers, or none.",
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
                    "Rows a minute that a worker took.",
                    "cpm",
                    Query(per_minute("tillkeeper_claims_total", "work"), "{{work}}"),
                ),
                chart(
                    "What became of them",
                    "Outcomes a minute. Snoozed: not yet. Put off: an expected error. Failed: an unexpected one.",
                    "cpm",
                    Query(per_minute("tillkeeper_outcomes_total", "outcome"), "{{outcome}}"),
                ),
            ],
        ),
        Row(
            "Messages",
            [
                chart(
                    "Waiting to be worked on",
                    "Nineteen of twenty messages waited less, from when they were sent or their delay was over.",
                    "s",
                    Query(percentile(0.95, "tillkeeper_message_wait_seconds", "queue"), "{{queue}}"),
                ),
                chart(
                    "Working time by actor",
                    "Nineteen of twenty messages took less than this.",
                    "ms",
                    Query(percentile(0.95, "dramatiq_message_duration_milliseconds", "actor_name"), "{{actor_name}}"),
                ),
                chart(
                    "What became of messages",
                    "Messages a minute. Dropped: too old, the next sweep does it. Failed: a dead letter.",
                    "cpm",
                    Query(per_minute("tillkeeper_messages_total", "outcome"), "{{outcome}}"),
                ),
                chart(
                    "In progress",
                    "Messages that workers are busy with, and those that wait for a retry in their memory.",
                    "short",
                    Query("sum(dramatiq_messages_inprogress)", "in progress"),
                    Query(or_zero("sum(dramatiq_delayed_messages_inprogress)"), "delayed"),
                ),
                chart(
                    "Nudges",
                    "Nudges a minute. Dropped ones cost only time; many of them mean that RabbitMQ is away.",
                    "cpm",
                    Query(per_minute("tillkeeper_nudges_total", "outcome"), "{{outcome}}"),
                ),
                chart(
                    "Messages by actor",
                    "Messages a minute that were worked on.",
                    "cpm",
                    Query(per_minute("dramatiq_messages_total", "actor_name"), "{{actor_name}}"),
                ),
            ],
        ),
        Row(
            "Queues",
            [
                chart(
                    "Messages that wait",
                    "By queue; .DQ holds what is delayed, .XQ dead letters, for a week.",
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
                    "Who reads each queue. None on a main queue: nobody works.",
                    "short",
                    Query('max by (queue) (tillkeeper_queue_consumers{queue!~".*[.]XQ"})', "{{queue}}"),
                ),
                chart(
                    "Dead letters",
                    "Messages that were given up and not yet looked at: manage.py jobs dead.",
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
                    "Messages a second that it took and gave.",
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
                    "What the node uses, and where it stops taking messages.",
                    "bytes",
                    Query("rabbitmq_process_resident_memory_bytes", "used, {{instance}}"),
                    Query("rabbitmq_resident_memory_limit_bytes", "limit, {{instance}}"),
                ),
                chart(
                    "Disk",
                    "What is free, and where it stops taking messages.",
                    "bytes",
                    Query("rabbitmq_disk_space_available_bytes", "free, {{instance}}"),
                    Query("rabbitmq_disk_space_available_limit_bytes", "limit, {{instance}}"),
                ),
            ],
        ),
    ],
)
