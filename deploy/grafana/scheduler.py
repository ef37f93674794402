"""Scheduler: does every entry fire, and on time?"""

from deploy.grafana.model import Dashboard, Query, Row, Steps
from deploy.grafana.words import MUST_BE_UP, chart, number, per_minute

LATENESS = (
    "tillkeeper_schedule_lateness_seconds and on (schedule, instance)"
    " time() - tillkeeper_schedule_last_tick_timestamp_seconds < 600"
)
"""Only of recent ticks: after a first start the last daily one is caught up hours late, which is normal."""

SCHEDULER = Dashboard(
    "tillkeeper-scheduler",
    "Tillkeeper · Scheduler",
    "Does every entry of the schedule fire, and on time? From the ledger, so it holds for all schedulers together.",
    [
        Row(
            "Now",
            [
                number("Schedulers", "Schedulers that answer.", 'sum(up{job="scheduler"})', steps=MUST_BE_UP),
                number(
                    "Most overdue",
                    "How long the next tick of the latest entry has been due.",
                    "max(tillkeeper_schedule_overdue_seconds)",
                    "s",
                    Steps(10, 45),
                ),
                number(
                    "Latest tick, fired late by",
                    "The worst of the last ten minutes, without daily ticks that were caught up.",
                    f"max({LATENESS})",
                    "s",
                    Steps(5, 30),
                ),
                number(
                    "Slowest reading",
                    "How long the slowest part of a metrics page took to read from database or broker.",
                    "max(tillkeeper_reader_seconds)",
                    "s",
                    Steps(0.1, 1),
                ),
            ],
        ),
        Row(
            "Over time",
            [
                chart(
                    "Overdue",
                    "How long the next tick of each entry has been due; 0 if it is not.",
                    "s",
                    Query("max by (schedule) (tillkeeper_schedule_overdue_seconds)", "{{schedule}}"),
                ),
                chart(
                    "Lateness of the last tick",
                    "By entry, on the database's clock, for ten minutes after it.",
                    "s",
                    Query(f"max by (schedule) ({LATENESS})", "{{schedule}}"),
                ),
                chart(
                    "Ticks",
                    "Ticks per minute. Each fires once, with any number of schedulers.",
                    "cpm",
                    Query(per_minute("tillkeeper_ticks_fired_total", "schedule"), "{{schedule}}"),
                ),
                chart(
                    "Since the last tick",
                    "By entry.",
                    "s",
                    Query(
                        "time() - max by (schedule) (tillkeeper_schedule_last_tick_timestamp_seconds)", "{{schedule}}"
                    ),
                ),
                chart(
                    "Since the last success",
                    "By actor, of the running workers: a restart resets it.",
                    "s",
                    Query("time() - max by (actor) (tillkeeper_actor_last_success_timestamp_seconds)", "{{actor}}"),
                ),
                chart(
                    "Reading the metrics",
                    "How long each part of the metrics pages takes to read from database or broker.",
                    "s",
                    Query("max by (reader) (tillkeeper_reader_seconds)", "{{reader}}"),
                ),
            ],
        ),
    ],
    console_page="schedule/",
)
