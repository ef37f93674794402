"""What operators see of the shop: its slow work, its mails, and the story of an order."""

from collections.abc import Iterator

from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from actors.console.page import Page
from actors.kinds import CALLBACKS, DAYS, OPEN_PAYMENTS, REFUNDS, Kind
from actors.operations.findings.finding import Finding, Snapshot
from actors.operations.queries.mail import mail
from actors.project import Project
from billing.explain.timeline import Entry
from billing.models import Payment
from commerce.admin.notifications import SEND_AGAIN, SEND_ALIKE_AGAIN
from commerce.mail import limits
from commerce.mail.queue import MAIL_QUEUE, given_up_lately, refused, unsent_mails
from commerce.models import Order
from commerce.models.notification import without_texts
from commerce.orders import EXPIRY_QUEUE
from commerce.settlement import SETTLEMENT_QUEUE
from commerce.timeline import timeline
from config.database.counts import counted


def mails_given_up(seen: Snapshot) -> Iterator[Finding]:
    """Mails that are not tried again."""
    if lost := unsent_mails()[1]:
        text = ngettext("%(n)s was given up", "%(n)s were given up", lost) % {"n": counted(lost)}
        if (lately := given_up_lately()).mails:
            text += _("; in the last hour %(n)s (%(why)s)") % {"n": counted(lately.mails), "why": lately.reason}
        advice = _("Correct the address or the server, then send them again.")
        yield Finding(_("mails"), text, advice, is_urgent=False, page="console:mail")


def mails_refused(seen: Snapshot) -> Iterator[Finding]:
    """Mails that the server refuses for good, though perhaps not because of them."""
    if (failures := refused()).mails:
        values = {"n": counted(failures.mails), "why": failures.reason}
        advice = _("Ask the mail server's operator. Nothing is lost: the mails are tried until it takes them.")
        yield Finding(_("mails"), _("the server refuses %(n)s (%(why)s)") % values, advice, page="console:mail")


def _limit_reached() -> tuple[str, str] | None:
    """Mails wait because the mail server takes no more of them at present."""
    if limits.left() != 0:
        return None
    problem = _("%(due)s due, and EMAIL_MAX_PER_MINUTE or EMAIL_MAX_PER_DAY is reached")
    return problem, _("They leave by themselves, in order. Raise the limit if the mail server takes more.")


def _story(payment: Payment) -> tuple[Model | None, list[Entry]]:
    order = Order.objects.filter(public_id=payment.reference).first()
    return order, timeline(order) if order else []


SHOP = Project(
    kinds=(
        OPEN_PAYMENTS,
        CALLBACKS,
        Kind(gettext_lazy("payment events to settle"), SETTLEMENT_QUEUE, "settle_orders"),
        Kind(gettext_lazy("mails"), MAIL_QUEUE, "send_pending_emails", trim=without_texts, why_late=_limit_reached),
        Kind(gettext_lazy("unpaid orders"), EXPIRY_QUEUE, "expire_orders", may_be_early=False),
        REFUNDS,
        DAYS,
    ),
    checks=(mails_given_up, mails_refused),
    pages=[
        Page("mail", gettext_lazy("Mail"), "mail/", lambda query: mail(), ("commerce.view_notification",)),
    ],
    actions=(SEND_AGAIN, SEND_ALIKE_AGAIN),
    story=_story,
)
