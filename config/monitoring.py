"""The settings of whoever watches the processes, and the only place of their defaults; another project takes them over
in one line.
"""

from config import env

METRICS_HOST = env.text("METRICS_HOST", "127.0.0.1")
"""Where worker and scheduler answer whoever watches them. Whoever reaches this address may ask."""

METRICS_PORT = env.integer("METRICS_PORT", 9191, at_most=65_535)
"""The worker's port (9191 is Dramatiq's own); 0: none. A second worker on the host needs another one."""

SCHEDULER_METRICS_PORT = env.integer("SCHEDULER_METRICS_PORT", 9192, at_most=65_535)
"""The scheduler's port; 0: none."""

STALL_LIMIT_S = env.seconds("STALL_LIMIT_S", 60, at_least=2, at_most=3600)
"""A loop that has not come round for so long hangs, and a job hangs that has overrun its time limit by so much: the
process is not live any more. More than any query, connection or publishing may take: DATABASE_STATEMENT_TIMEOUT_S, and
some 45 s for a broker that is silent."""

RELEASE = env.text("RELEASE", "")
"""The version that runs here, for example a commit; errors are told with it."""

ADMIN_EMAILS = env.addresses("ADMIN_EMAILS")
"""Who is told about errors nobody expected, where there is no Sentry; empty: only the log tells."""

ERROR_MAILS_PER_HOUR = env.integer("ERROR_MAILS_PER_HOUR", 3, at_least=1, at_most=1000)
"""So many mails about errors of one kind an hour, from each process; the next one says how many there were besides."""

SENTRY_DSN = env.url("SENTRY_DSN", "", schemes=("https", "http"))
"""Where Sentry takes errors; empty: ADMIN_EMAILS are told."""
