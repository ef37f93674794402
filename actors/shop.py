"""What operators see of the shop: its slow work, its mails, and the story of an order."""

from collections.abc import Sequence

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from actors.console.page import Page
from actors.kinds import CALLBACKS, DAYS, OPEN_PAYMENTS, REFUNDS, Kind
from actors.operations.findings import mail as findings
from actors.operations.findings import orders as order_findings
from actors.operations.queries.mail import known_here, mail
from actors.project import Project
from billing.explain.timeline import Entry
from billing.models import Payment
from commerce.admin.notifications import SEND_AGAIN, SEND_ALIKE_AGAIN
from commerce.mail.queue import MAIL_QUEUE
from commerce.models import Order
from commerce.models.notification import without_texts
from commerce.order_search import orders_named
from commerce.orders import EXPIRY_QUEUE
from commerce.settlement import SETTLEMENT_QUEUE
from commerce.timeline import timeline


def _story(payment: Payment) -> tuple[Model | None, list[Entry]]:
    order = Order.objects.filter(public_id=payment.reference).first()
    return order, timeline(order) if order else []


def _references(word: str, most: int) -> Sequence[str]:
    """Of orders by number, public id, or a part of the customer's name or mail address."""
    return list(Order.objects.filter(orders_named(word)).order_by("-pk").values_list("public_id", flat=True)[:most])


SHOP = Project(
    kinds=(
        OPEN_PAYMENTS,
        CALLBACKS,
        Kind(_("payment events to settle"), SETTLEMENT_QUEUE, "settle_orders", section="customerswait"),
        Kind(
            _("mails"),
            MAIL_QUEUE,
            "send_pending_emails",
            trim=without_texts,
            section="mailslate",
            why_late=findings.why_late,
        ),
        Kind(_("unpaid orders"), EXPIRY_QUEUE, "expire_orders", may_be_early=False),
        REFUNDS,
        DAYS,
    ),
    checks=(
        findings.mail_server_away,
        findings.mails_given_up,
        findings.mails_refused,
        order_findings.crowded_networks,
        order_findings.goods_held,
    ),
    pages=[Page("mail", _("Mail"), "mail/", lambda query: mail(), ("commerce.view_notification",))],
    actions=(SEND_AGAIN, SEND_ALIKE_AGAIN),
    story=_story,
    references=_references,
    arguments={"order_id": Order},
    heartbeat=known_here,
)
