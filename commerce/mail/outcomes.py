"""What became of a mail that was claimed, written to its row, the metrics and the log."""

import logging
from datetime import timedelta

from commerce.mail import smtp
from commerce.mail.queue import MAIL_QUEUE
from commerce.mail.smtp import Meaning, Unanswered
from commerce.metrics import MAILS_TOTAL
from commerce.models import Notification
from commerce.models.notification import UNCERTAIN_PREFIX
from config.due.backoff import backoff

log = logging.getLogger(__name__)

Kind = Notification.Kind
Status = Notification.Status

BACKOFF = {
    # Greylisting wants five minutes and more, a full mailbox hours. A server takes quick repeats for spam.
    Meaning.LATER: (timedelta(seconds=60), timedelta(minutes=30)),
    # A restart takes seconds, a broken machine longer; our attempts annoy no one.
    Meaning.SERVER: (timedelta(seconds=15), timedelta(minutes=10)),
}
"""The first wait and the longest, by what the failure was about."""


def write_sent(mail: Notification) -> None:
    """The server has taken it."""
    MAIL_QUEUE.finish(mail, done_at="sent_at", status=Status.SENT, sending_since=None, error="")
    MAILS_TOTAL.labels(mail.kind, "sent").inc()
    log.info("mail.sent", extra=named(mail))


def write_failure(mail: Notification, error: OSError) -> None:
    """A definite no ends it, for a person to see. Everything else is tried again, with growing waits."""
    meaning = smtp.meaning_of(error)
    if meaning == Meaning.NEVER:
        give_up(mail, smtp.describe(error))
    elif isinstance(error, Unanswered) and Kind(mail.kind).held_if_uncertain:
        hold(mail, "the mail server did not answer")
    else:
        _put_off(mail, smtp.describe(error), *BACKOFF[meaning])


def _put_off(mail: Notification, why: str, first: timedelta, longest: timedelta) -> None:
    with MAIL_QUEUE.holding(mail) as held:
        held.error, held.sending_since = why, None
        MAIL_QUEUE.put_off(held, backoff(held.errors, first, longest))
        held.save()
    MAILS_TOTAL.labels(mail.kind, "put_off").inc()
    log.warning("mail.put_off", extra={"error": why})


def give_up(mail: Notification, why: str) -> None:
    """It is not tried again, until an operator wants it."""
    MAIL_QUEUE.finish(mail, status=Status.GIVEN_UP, sending_since=None, error=why)
    MAILS_TOTAL.labels(mail.kind, "given_up").inc()
    log.error("mail.given_up", extra={**named(mail), "error": why})


def hold(mail: Notification, why: str) -> None:
    """It may have been sent, and its kind is better not sent than sent twice."""
    MAIL_QUEUE.finish(mail, status=Status.GIVEN_UP, sending_since=None, error=f"{UNCERTAIN_PREFIX}: {why}")
    MAILS_TOTAL.labels(mail.kind, "uncertain").inc()
    log.warning("mail.uncertain", extra={**named(mail), "error": why})


def named(mail: Notification) -> dict[str, str]:
    """How the log names a mail: its kind, and the order or the day that it is about."""
    named = {"kind": mail.kind}
    if mail.order:
        named["order"] = mail.order.public_id
    if mail.report:
        named["day"] = mail.report.day.isoformat()
    return named
