"""Writes the outcome of a claimed mail to its row, the metrics and the log."""

import logging
from datetime import datetime, timedelta

from commerce.mail import smtp
from commerce.mail.queue import MAIL_QUEUE, take_back
from commerce.mail.refusals import refused_too_long, streak
from commerce.mail.smtp import Meaning, Unanswered
from commerce.metrics import MAILS_TOTAL
from commerce.models import Notification
from commerce.models.notification import UNCERTAIN_PREFIX
from commerce.order_number import number_of
from config.due import backoff
from config.due.queue import database_now

log = logging.getLogger(__name__)

Kind = Notification.Kind
Status = Notification.Status

BACKOFF = {
    # Greylisting takes five minutes and more, a full mailbox hours. Quick retries look like spam.
    Meaning.LATER: (timedelta(seconds=60), timedelta(minutes=30)),
    # A restart takes seconds, a broken machine longer. Our attempts do no harm.
    Meaning.SERVER: (timedelta(seconds=15), timedelta(minutes=10)),
}
"""The first and the longest wait, by the meaning of the failure."""


def write_sent(mail: Notification) -> None:
    """The server has accepted the mail."""
    MAIL_QUEUE.finish(mail, done_at="sent_at", status=Status.SENT, sending_since=None, refused_since=None, error="")
    streak.end()
    MAILS_TOTAL.labels(mail.kind, "sent").inc()
    log.info("mail.sent", extra=log_fields(mail))


def write_failure(mail: Notification, error: OSError) -> None:
    """Give up after a final refusal of this mail, for a person to see. Retry any other failure, with growing waits.

    A final refusal that is the server's gives up no mail, unless the server works for others (`refused_too_long`).
    """
    meaning, why = smtp.meaning_of(error), smtp.describe(error, mail.recipient)
    if isinstance(error, Unanswered) and Kind(mail.kind).held_if_uncertain:
        hold(mail, "the mail server did not answer")
    elif smtp.is_final(error):
        _write_refusal(mail, error, meaning, why)
    else:
        _put_off(mail, why, meaning)


def _write_refusal(mail: Notification, error: OSError, meaning: Meaning, why: str) -> None:
    if meaning == Meaning.NEVER and streak.would_be_complete(mail, error):
        meaning = Meaning.SERVER
    if meaning == Meaning.NEVER or refused_too_long(mail):
        give_up(mail, why)
    else:
        _put_off(mail, why, meaning, refused_since=mail.refused_since or database_now())
    take_back(streak.add(mail, error))


def _put_off(mail: Notification, why: str, meaning: Meaning, refused_since: datetime | None = None) -> None:
    with MAIL_QUEUE.holding(mail) as held:
        held.error, held.sending_since, held.refused_since = why, None, refused_since or held.refused_since
        MAIL_QUEUE.put_off(held, backoff(held.errors, *BACKOFF[meaning]))
        held.save()
    by_server = refused_since is not None and meaning == Meaning.SERVER
    outcome, level = ("refused_by_server", logging.ERROR) if by_server else ("put_off", logging.WARNING)
    MAILS_TOTAL.labels(mail.kind, outcome).inc()
    log.log(level, f"mail.{outcome}", extra={"error": why})


def give_up(mail: Notification, why: str) -> None:
    """Stop trying; an operator may send the mail again."""
    MAIL_QUEUE.finish(mail, done_at="given_up_at", status=Status.GIVEN_UP, sending_since=None, error=why)
    MAILS_TOTAL.labels(mail.kind, "given_up").inc()
    log.error("mail.given_up", extra={**log_fields(mail), "error": why})


def hold(mail: Notification, why: str) -> None:
    """Stop trying: it may have been sent, and its kind must not be sent twice."""
    why = f"{UNCERTAIN_PREFIX}: {why}"
    MAIL_QUEUE.finish(mail, done_at="given_up_at", status=Status.GIVEN_UP, sending_since=None, error=why)
    MAILS_TOTAL.labels(mail.kind, "uncertain").inc()
    log.warning("mail.uncertain", extra={**log_fields(mail), "error": why})


def log_fields(mail: Notification) -> dict[str, str]:
    """Identifies a mail in the log: its kind, and its order or the day of its report."""
    fields = {"kind": mail.kind}
    if mail.order_id:
        fields["order"] = number_of(mail.order_id)
    if mail.report:
        fields["day"] = mail.report.day.isoformat()
    return fields
