"""The queues, named by how long a message may wait, and the options of their actors.

Times are milliseconds, as in Dramatiq. Expected trouble is an outcome on the row, with its own next attempt. Retries
and TimeLimit are the second net, for a bug or a lost database connection.
"""

from typing import Any

URGENT: dict[str, Any] = {
    "queue_name": "urgent",  # a customer is waiting
    "max_retries": 2,
    "min_backoff": 500,
    "max_backoff": 5_000,
    "time_limit": 60_000,
    "max_age": 60_000,
}

ROUTINE: dict[str, Any] = {
    "queue_name": "routine",  # minutes do not matter
    "max_retries": 2,
    "min_backoff": 5_000,
    "max_backoff": 60_000,
    "time_limit": 10 * 60_000,
    "max_age": 10 * 60_000,
}
