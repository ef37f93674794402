"""Mails that wait, and mails that were given up."""

from dataclasses import dataclass

from commerce.mail.queue import MAIL_QUEUE, mails_given_up, unsent_mails
from commerce.models import Notification
from commerce.models.notification import without_texts
from config.due import lag

ROWS = 50


@dataclass(frozen=True)
class Mail:
    queued: int
    due: int
    lag_s: float
    given_up: int
    waiting: list[Notification]
    """The mails with the longest wait."""

    lost: list[Notification]
    """The mails that were given up, newest first."""


def mail() -> Mail:
    """The counts, and ROWS of each list."""
    backlog, (queued, given_up) = lag.backlog(MAIL_QUEUE), unsent_mails()
    return Mail(
        queued=queued,
        due=backlog.due,
        lag_s=backlog.lag_s,
        given_up=given_up,
        waiting=list(without_texts(MAIL_QUEUE.appointments())[:ROWS]),
        lost=list(without_texts(mails_given_up())[:ROWS]),
    )
