"""What operators see of the shop: its slow work, its mails, and the story of an order."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Model
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from actors.console.page import Page
from actors.kinds import CALLBACKS, DAYS, OPEN_PAYMENTS, REFUNDS, Kind
from actors.operations.findings.finding import Finding, Snapshot
from actors.operations.queries.mail import mail, outage
from actors.operations.queries.workers import workers
from actors.project import Project
from billing.explain.timeline import Entry
from billing.models import Payment
from commerce.admin.notifications import SEND_AGAIN, SEND_ALIKE_AGAIN
from commerce.admin.orders import MAX_ORDERS_SEARCHED
from commerce.mail import limits
from commerce.mail.connection import breaker as mail_breaker
from commerce.mail.queue import MAIL_QUEUE, given_up_lately, refused, unsent_mails
from commerce.models import Order
from commerce.models.notification import without_texts
from commerce.order_search import orders_named
from commerce.orders import EXPIRY_QUEUE
from commerce.settlement import SETTLEMENT_QUEUE
from commerce.timeline import timeline
from config.database.counts import counted


def mail_server_away(seen: Snapshot) -> Iterator[Finding]:
    """From the first attempt that failed: mails wait from then on."""
    if away := outage(seen.workers.living):
        due = next(backlog.due for backlog in seen.backlogs if backlog.name == MAIL_QUEUE.noun)
        values = {"at": f"{away.since:%H:%M}", "why": away.error, "due": counted(due)}
        yield Finding(
            _("mails"),
            _("the mail server does not answer since %(at)s UTC (%(why)s); %(due)s due") % values,
            _("Bring it back, or name another one in EMAIL_HOST. The mails leave by themselves then."),
            "mailserveraway",
            away.since,
            page="console:mail",
        )


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


def _why_mails_wait() -> tuple[str, str] | None:
    """The mail server is away, which is a finding of its own, or takes no more of them at present."""
    if outage(workers().living):
        return "", ""
    if limits.left() != 0:
        return None
    problem = _("%(due)s due, and EMAIL_MAX_PER_MINUTE or EMAIL_MAX_PER_DAY is reached")
    return problem, _("They leave by themselves, in order. Raise the limit if the mail server takes more.")


def _story(payment: Payment) -> tuple[Model | None, list[Entry]]:
    order = Order.objects.filter(public_id=payment.reference).first()
    return order, timeline(order) if order else []


def _references(word: str) -> Sequence[str]:
    """Of orders by number, public id, or a part of the customer's name or mail address."""
    orders = Order.objects.filter(orders_named(word)).order_by("-pk").values_list("public_id", flat=True)
    return list(orders[:MAX_ORDERS_SEARCHED])


def _mail_outage() -> dict[str, Any]:
    """What this process knows of the mail server, with the times as the database's."""
    if (found := mail_breaker.outage) is None:
        return {"mail_away_since": None, "mail_failed_at": None, "mail_error": ""}
    began, failed = (Now() - timedelta(seconds=time.monotonic() - at) for at in (found.began, found.failed))
    return {"mail_away_since": began, "mail_failed_at": failed, "mail_error": found.error[:200]}


SHOP = Project(
    kinds=(
        OPEN_PAYMENTS,
        CALLBACKS,
        Kind(gettext_lazy("payment events to settle"), SETTLEMENT_QUEUE, "settle_orders", section="customerswait"),
        Kind(
            gettext_lazy("mails"),
            MAIL_QUEUE,
            "send_pending_emails",
            trim=without_texts,
            section="mailslate",
            why_late=_why_mails_wait,
        ),
        Kind(gettext_lazy("unpaid orders"), EXPIRY_QUEUE, "expire_orders", may_be_early=False),
        REFUNDS,
        DAYS,
    ),
    checks=(mail_server_away, mails_given_up, mails_refused),
    pages=[
        Page("mail", gettext_lazy("Mail"), "mail/", lambda query: mail(), ("commerce.view_notification",)),
    ],
    actions=(SEND_AGAIN, SEND_ALIKE_AGAIN),
    story=_story,
    references=_references,
    arguments={"order_id": Order},
    heartbeat=_mail_outage,
)
