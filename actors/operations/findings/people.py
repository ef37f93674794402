"""Findings about rows that wait for a person, mails that were given up, and unsuitable settings."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actors.operations.findings.finding import Finding, Snapshot
from config.database.counts import counted

LISTS = {
    "payment": "console:payments",
    "refund": "admin:billing_refund_changelist",
    "difference": "admin:billing_difference_changelist",
    "order": "admin:commerce_order_changelist",
}
"""The pages that list the rows waiting for a person."""


def waiting_for_a_person(seen: Snapshot) -> Iterator[Finding]:
    """One finding per kind of row."""
    subjects = {"payment": _("payments"), "refund": _("refunds"), "difference": _("differences"), "order": _("orders")}
    for waiting in seen.waiting:
        if waiting.rows:
            text = ngettext("%(n)s waits for a person", "%(n)s wait for a person", waiting.rows)
            yield Finding(
                subjects.get(waiting.noun, waiting.noun),
                text % {"n": counted(waiting.rows)},
                _("Decide each of them: `payments attention` lists them and the possible resolutions."),
                waiting.since,
                page=LISTS.get(waiting.noun, ""),
            )


def mails_given_up(seen: Snapshot) -> Iterator[Finding]:
    """Mails that are not tried again."""
    if lost := seen.mails_given_up:
        text = ngettext("%(n)s was given up", "%(n)s were given up", lost) % {"n": counted(lost)}
        advice = _("Correct the address or the server, then send them again.")
        yield Finding(_("mails"), text, advice, is_urgent=False, page="console:mail")


def wrong_settings(seen: Snapshot) -> Iterator[Finding]:
    """Values that let a process start, but do not suit a shop with customers."""
    if settings.PRODUCTION and not settings.EMAIL_HOST:
        yield Finding("EMAIL_HOST", _("it is not set: mails are written to files"), _("Name the mail server."))
    if settings.PRODUCTION and urlsplit(settings.SHOP_URL).hostname in ("127.0.0.1", "localhost"):
        problem = _("links in mails lead to the reader's own machine")
        yield Finding("SHOP_URL", problem, _("Write the shop's public address."))
    queues = seen.queues.value
    if settings.BROKER_METRICS_URL and queues and all(queue.unacked is None for queue in queues):
        advice = _("Enable rabbitmq_prometheus, or leave it empty.")
        yield Finding("BROKER_METRICS_URL", _("nothing answers there"), advice, is_urgent=False)
