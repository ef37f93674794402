"""deploy/METRICS.md: how to read the metrics, and every series there is. `manage.py metrics --markdown` writes it."""

from collections.abc import Iterable

from config.database.counts import COUNTED_AT_MOST
from config.metrics.registry import CATALOGUE, Series

PROSE = """\
# Metrics

What Prometheus reads, where, and how to read it. Written by `manage.py metrics --markdown`; a test compares.

| page | of | who may read it |
| --- | --- | --- |
| `/metrics` of the web | what the web's processes count, and everything that is **read from the database** in that moment | `METRICS_ALLOWED` (loopback), 403 for others; a proxy in front must close it as well, and whatever comes through a proxy that `TRUSTED_PROXIES` does not name is refused |
| `METRICS_HOST`:`METRICS_PORT` (127.0.0.1:9191) | what the processes of one worker count | whoever reaches the address |
| `METRICS_HOST`:`SCHEDULER_METRICS_PORT` (127.0.0.1:9192) | the scheduler, and the **queues**, asked from RabbitMQ in that moment | whoever reaches the address |

The embedded shop has all of it on its one page. What Prometheus is told to ask, and how often, is
[prometheus/prometheus.yml](prometheus/prometheus.yml).

- **Is anyone waiting?** `max by (work) (tillkeeper_lag_seconds)`: how late the oldest due row of each kind of work is. It
  is right with no worker and no broker alive.
- A backlog is counted up to COUNTED_AT_MOST: the number says "so many or more", and the lag says how bad it is. To count
  further tells nobody more and costs: with 1,000,000 payments open, 100,000 entries of an index are 75 ms of PostgreSQL,
  20,000 are 12 ms, 10,000 are 6 ms.
- A page never waits long for the database. What is not there after 2 s is not waited for, whatever the server does: it
  then shows what was counted, and `tillkeeper_reader_up` 0, within 5 s.
- What an operator has paused is neither late, nor overdue, nor unattended: `tillkeeper_schedule_paused` or
  `tillkeeper_queue_paused` is 1. Whoever waits because of it is told of by the lag.
- What is read from the database or the broker is the same on every web, or scheduler: take the `max` of it, never the
  `sum`. Where it could not be read it is missing, and `tillkeeper_reader_up` says so.
- What is counted is summed: `sum by (outcome) (rate(tillkeeper_outcomes_total[5m]))`. It is counted when the transaction
  is committed, so it agrees with the tables. A process that ends forgets what it has counted; `rate` knows that.
- How often payments are asked about: the promise is `tillkeeper_check_interval_promised_seconds`, what was really done is
  that plus `tillkeeper_check_lateness_seconds`.
- When did it last work? `max_over_time(tillkeeper_actor_last_success_timestamp_seconds[2d])`: each worker knows only its
  own time, and a restart forgets it. `tillkeeper_schedule_overdue_seconds` is of the ledger, and forgets nothing.
- `tillkeeper_callbacks_lost_total` counts money that polling found first. A callback that is only slow counts too; one
  that never comes always does.
- The series that begin with `dramatiq_` have the names and labels of Dramatiq's own middleware, and not its faults: no
  `.DQ` has to be filtered out, and the gauges of delayed messages and of those in progress may be charted.

Two workers on one host need two `METRICS_PORT`s. One that finds its port taken says so in the log (`probes.no_port`) and
works on. All processes of one worker, or of one gunicorn, add up in a directory of their own below `METRICS_DIR`; it is
empty at each start, and what was killed is swept away by whoever starts next. gunicorn needs
`-c deploy/gunicorn.conf.py` for that.

## Every series

"""  # noqa: E501 (lines of tables cannot be folded)


def catalogue() -> list[Series]:
    """All that this project shows, by name. Complete once Django is set up."""
    return [CATALOGUE[name] for name in sorted(CATALOGUE)]


def markdown() -> str:
    """The whole page."""
    return PROSE.replace("COUNTED_AT_MOST", f"{COUNTED_AT_MOST:,}") + _table(catalogue())


def _table(series: Iterable[Series]) -> str:
    rows = [f"| `{each.name}` | {each.kind} | {_labels(each)} | {each.help} |" for each in series]
    return "\n".join(["| series | kind | labels | meaning |", "| --- | --- | --- | --- |", *rows]) + "\n"


def _labels(series: Series) -> str:
    return ", ".join(f"`{label}`" for label in series.labels) or "–"
