"""Findings about mails, and why mails are late."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actors.kinds import SaidElsewhere, WhyLate
from actors.operations.findings.finding import Finding, Snapshot
from actors.operations.queries.mail import outage
from commerce.mail import limits
from commerce.mail.queue import MAIL_QUEUE, given_up_lately, refused, unsent_mails
from config.database.counts import counted


def mail_server_away(seen: Snapshot) -> Iterator[Finding]:
    """From the first attempt that failed: mails wait from then on."""
    if away := outage(seen.workers.living):
        due = next(backlog.due for backlog in seen.backlogs if backlog.name == MAIL_QUEUE.noun)
        values = {"at": f"{away.since:%Y-%m-%d %H:%M}", "why": away.error, "due": counted(due)}
        problem = _("the mail server does not answer since %(at)s UTC (%(why)s); %(due)s due") % values
        advice = _("Bring it back, or name another one in EMAIL_HOST. The mails leave by themselves then.")
        yield Finding(_("mails"), problem, advice, "mailserveraway", away.since, page="console:mail")


def mails_given_up(seen: Snapshot) -> Iterator[Finding]:
    """Mails that are not tried again."""
    if lost := unsent_mails()[1]:
        text = ngettext("%(n)s was given up", "%(n)s were given up", lost) % {"n": counted(lost)}
        if (lately := given_up_lately()).mails:
            text += _("; in the last hour %(n)s (%(why)s)") % {"n": counted(lately.mails), "why": lately.reason}
        advice = _("Correct the address or the server, then send them again.")
        yield Finding(_("mails"), text, advice, "mailsgivenup", page="console:mail")


def mails_refused(seen: Snapshot) -> Iterator[Finding]:
    """Mails that the server refuses for good, though perhaps not because of them."""
    if (failures := refused()).mails:
        values = {"n": counted(failures.mails), "why": failures.reason}
        advice = _("Ask the mail server's operator. Nothing is lost: the mails are tried until it takes them.")
        problem = _("the server refuses %(n)s (%(why)s)") % values
        yield Finding(_("mails"), problem, advice, "mailserveraway", page="console:mail")


def why_late(seen: Snapshot) -> WhyLate | SaidElsewhere | None:
    """The mail server is away, or takes no more of them at present."""
    if outage(seen.workers.living):
        return SaidElsewhere()
    if limits.left() != 0:
        return None
    problem = _("%(due)s due, and EMAIL_MAX_PER_MINUTE or EMAIL_MAX_PER_DAY is reached")
    return WhyLate(problem, _("They leave by themselves, in order. Raise the limit if the mail server takes more."))
