"""Everything that a person can do in the console, by page."""

from actors.console.acting import Act
from actors.console.acts import jobs, mail, payments, providers, queues, schedule, work

ACTS: tuple[Act, ...] = (
    *work.ACTS,
    *payments.ACTS,
    *jobs.ACTS,
    *queues.ACTS,
    *schedule.ACTS,
    *providers.ACTS,
    *mail.ACTS,
)
