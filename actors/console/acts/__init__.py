"""Everything that a person can do in the console, by page."""

from actors.console.acting import Act
from actors.console.acts import mail, payments, providers, schedule, work

ACTS: tuple[Act, ...] = (*work.ACTS, *payments.ACTS, *schedule.ACTS, *providers.ACTS, *mail.ACTS)
