"""Makes deploy/METRICS.md: how to read the metrics, and every series."""

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from config.cli import command
from config.database.counts import COUNTED_AT_MOST
from config.metrics.registry import CATALOGUE, Series

PROSE = """\
# Metrics

The metrics for Prometheus: where they are and how to read them. Made by `manage.py metrics --markdown`; a test compares it.

| page | content | who may read it |
| --- | --- | --- |
| `/metrics` of the web | the counts of the web's processes, and the series **read from the database** at each scrape | `METRICS_ALLOWED` (loopback), 403 for others; a proxy in front must close it too; requests through a proxy that is not in `TRUSTED_PROXIES` are refused |
| `METRICS_HOST`:`METRICS_PORT` (127.0.0.1:9191) | the counts of one worker's processes | every client that reaches the address |
| `METRICS_HOST`:`SCHEDULER_METRICS_PORT` (127.0.0.1:9192) | the scheduler, and the **queues**, read from RabbitMQ at each scrape | every client that reaches the address |

The embedded shop has everything on one page. The scrape targets and intervals are in
[prometheus/prometheus.yml](prometheus/prometheus.yml).

- **Is work late?** `max by (work) (tillkeeper_lag_seconds)`: how late the oldest due row of each kind of work is. It
  is right with no worker and no broker alive.
- A backlog is counted up to COUNTED_AT_MOST: that number means "as many or more", and the lag says how bad it is.
  Counting further would help little and cost much: with 1,000,000 open payments, PostgreSQL needs 75 ms for 100,000
  entries of an index, 12 ms for 20,000, 6 ms for 10,000.
- A page waits 2 s for the database. Then it shows the counts, and `tillkeeper_reader_up` 0 for the missing series. It
  always answers within 5 s.
- A paused queue or entry is neither late, nor overdue, nor unattended: `tillkeeper_schedule_paused` or
  `tillkeeper_queue_paused` is 1. If work waits because of it, the lag shows it.
- Series read from the database or the broker are the same on every web or scheduler: take their `max`, never the
  `sum`. A series that could not be read is missing, and `tillkeeper_reader_up` is 0.
- Counts are summed: `sum by (outcome) (rate(tillkeeper_outcomes_total[5m]))`. They are made after the commit, so they
  agree with the tables. A process that ends loses its counts; `rate` allows for that.
- How often are payments checked? The promised interval is `tillkeeper_check_interval_promised_seconds`; the real one is
  that plus `tillkeeper_check_lateness_seconds`.
- When did it last work? `max_over_time(tillkeeper_actor_last_success_timestamp_seconds[2d])`: each worker knows only its
  own time and loses it at a restart. `tillkeeper_schedule_overdue_seconds` comes from the ledger and loses nothing.
- `tillkeeper_callbacks_lost_total` counts money that polling found first. A slow callback sometimes counts too; a
  missing one always does.
- The series named `dramatiq_…` have the names and labels of Dramatiq's own middleware, without its faults: no `.DQ` to
  filter out, and the gauges of delayed messages and of messages in progress are correct.

Two workers on one host need two `METRICS_PORT`s. A worker whose port is taken logs `probes.no_port` and works on. All
processes of one worker, or of one gunicorn, add up in their own directory below `METRICS_DIR`. It is empty at each
start; the next start removes the directories of killed processes. gunicorn needs `-c deploy/gunicorn.conf.py` for that.

## Every series

"""  # noqa: E501 (lines of tables cannot be folded)


class Command(command.Command):
    """`manage.py metrics --markdown > deploy/METRICS.md`."""

    help = "List every series for Prometheus: kind, labels and meaning, and how to read them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--markdown", action="store_true", help="as deploy/METRICS.md")

    def handle(self, *_args: Any, **options: Any) -> None:
        names = "".join(f"{series.name}\n" for series in catalogue())
        self.stdout.write(markdown() if options["markdown"] else names, ending="")


def catalogue() -> list[Series]:
    """All series of this project, by name. Complete once Django is set up."""
    return [CATALOGUE[name] for name in sorted(CATALOGUE)]


def markdown() -> str:
    return PROSE.replace("COUNTED_AT_MOST", f"{COUNTED_AT_MOST:,}") + _table(catalogue())


def _table(series: Iterable[Series]) -> str:
    rows = [f"| `{each.name}` | {each.kind} | {_labels(each)} | {each.help} |" for each in series]
    return "\n".join(["| series | kind | labels | meaning |", "| --- | --- | --- | --- |", *rows]) + "\n"


def _labels(series: Series) -> str:
    return ", ".join(f"`{label}`" for label in series.labels) or "–"
