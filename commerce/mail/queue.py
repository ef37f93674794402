"""Queues mails: one row per mail, written in the transaction of its reason.

A row holds the finished mail: subject, text, Message-ID and date are frozen here. `sending` only delivers it.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import make_msgid

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Now

from billing.models import Refund
from billing.payments import service as payments
from commerce.mail import content, order_link, smtp
from commerce.mail.content import MailContent
from commerce.mail.refusals import REFUSED_FOR
from commerce.models import DailyReport, Notification, Order, OrderLine, OrderStatus
from commerce.models.notification import UNCERTAIN_PREFIX
from commerce.order_state import state_of
from config.database.counts import COUNTED_AT_MOST, capped, in_one_round_trip
from config.due.queue import Due, database_now
from config.mail_address import in_ascii
from config.messaging.nudges import nudge
from config.metrics.registry import DATABASE, Value, reader, reading

log = logging.getLogger(__name__)

Kind = Notification.Kind
Status = Notification.Status

AGAIN_AT_MOST = 5_000
"""Mails that one action of an operator sends again."""

REASONS_READ = 100
"""Mails whose reasons are compared."""

GROUP_S = 10
"""How long a worker may begin mails of a claimed group. The last one may take LONGEST_MAIL_S more."""

MAIL_QUEUE = Due(Notification, "send_after", lease=timedelta(seconds=GROUP_S + smtp.LONGEST_MAIL_S + 2))

UNSENT_GAUGE = reading(
    "tillkeeper_unsent_mails",
    f"Unsent mails: queued, or given up; {COUNTED_AT_MOST} means as many or more.",
    "status",
)


def queue_order_confirmation(order: Order) -> None:
    """To the customer: the order is paid. Call it in the transaction that made it paid; an order has only one."""
    _queue_to_customer(Kind.ORDER_CONFIRMATION, order, list(order.lines.all()))
    nudge("send_order_confirmation", order.pk)


def queue_seller_notifications(order: Order) -> None:
    """To each seller of the order: pack these. Call it in the transaction that made the order paid.

    Sellers see their own lines and the delivery address. They do not see the customer's mail address, nor the id that
    opens the customer's page.
    """
    _queue_to_sellers(Kind.SELLER_NOTIFICATION, order)
    nudge("send_seller_notification", order.pk)


def queue_stop_packing(order: Order) -> None:
    """To each seller of the order: do not send, the money was refunded before delivery. Same transaction."""
    _queue_to_sellers(Kind.STOP_PACKING, order)
    nudge("send_pending_emails")


def queue_payment_link(order: Order, **facts: object) -> None:
    """To the customer: the order waits for your payment. The caller decides it, and holds the order."""
    _queue_to_customer(Kind.PAYMENT_LINK, order, list(order.lines.all()), "", **facts)
    nudge("send_pending_emails")


def queue_review_reminder(order: Order, lines: Sequence[OrderLine], **facts: object) -> None:
    """To the customer: please review these lines. The caller decides which lines, and when, and brings their links."""
    _queue_to_customer(Kind.REVIEW_REMINDER, order, lines, "", **facts)
    nudge("send_review_reminder", order.pk)


def queue_money_back(order: Order, refund: Refund) -> None:
    """To the customer: this amount was refunded. One per refund, in the transaction that writes it."""
    facts = {"amount": refund.amount, "order_stands": order.is_paid}
    _queue_to_customer(Kind.MONEY_BACK, order, (), f"refund {refund.pk}", **facts)


def queue_report(report: DailyReport, write: Callable[[DailyReport], MailContent]) -> int:
    """To each manager of REPORT_RECIPIENTS: the numbers of the day. Returns how many mails are new.

    A manager gets only one mail about a day. A rebuilt report is not mailed again.
    """
    new = set(settings.REPORT_RECIPIENTS) - set(report.notifications.values_list("recipient", flat=True))
    if not new:
        return 0
    written = write(report)
    queued = sum(_queue(Kind.REPORT, recipient, "", written, report=report) for recipient in sorted(new))
    nudge("send_pending_emails")
    return queued


def queue_account_link(token: str, recipient: str, name: str, language: str, **facts: object) -> None:
    """To the owner of a mail address: a link to a new account, or to a new password. `token` is the mail's own."""
    written = content.render(Kind.ACCOUNT_LINK, language, {"name": name, **facts})
    _queue(Kind.ACCOUNT_LINK, recipient, name, written, token)
    nudge("send_pending_emails")


def send_again(notification_id: int) -> int:
    """Requeue a mail that was given up; 0 if it was not given up.

    It is the same mail with the same Message-ID. An uncertain mail may arrive twice.
    """
    return _requeue(mails_given_up().filter(pk=notification_id), refused_since=None)


def send_alike_again(notification_id: int) -> int:
    """Requeue all mails that were given up for the same reason as this one, for after a fault. Returns how many.

    Uncertain mails are left out: each needs a person's look. At most AGAIN_AT_MOST; repeat it for the others.
    """
    mail = mails_given_up().only("error").filter(pk=notification_id).first()
    if mail is None or mail.is_uncertain:
        return 0
    similar = mails_given_up().filter(error__startswith=mail.reason).only("error")[:AGAIN_AT_MOST]
    alike = [each.pk for each in similar if each.reason == mail.reason]
    return _requeue(mails_given_up().filter(pk__in=alike), refused_since=None)


def _can_be_paid(order: Order) -> bool:
    """As its page says: a customer who may have paid is not asked again."""
    if not order.awaits_payment:
        return False
    return state_of(order, payments.latest(order.public_id), database_now()).is_for_customer


def _is_to_be_packed(order: Order) -> bool:
    """Not once the goods are sent, nor while all of its money is on the way back."""
    left = order.paid_with.left if order.paid_with else None
    return order.status == OrderStatus.PAID and order.goods_are_here and left is not None and left.minor > 0


STILL_TRUE: dict[Kind, Callable[[Order], bool]] = {
    Kind.PAYMENT_LINK: _can_be_paid,
    Kind.ORDER_CONFIRMATION: lambda order: order.is_paid,
    Kind.SELLER_NOTIFICATION: _is_to_be_packed,
    Kind.MONEY_BACK: lambda order: True,
    Kind.STOP_PACKING: lambda order: order.status == OrderStatus.REFUNDED,
}
"""When the text of a mail is true: of these kinds, a mail may be sent once more."""


def repeatable(order: Order) -> QuerySet[Notification]:
    """The order's mails that are sent or given up, and whose text is still true: they may be sent once more.

    Of a refunded order only the last refund's mail: those before it say that the order is valid.
    """
    kinds = [kind for kind, is_true in STILL_TRUE.items() if is_true(order)]
    mails = order.notifications.exclude(status=Status.QUEUED).exclude(text="").filter(kind__in=kinds)
    if order.status == OrderStatus.REFUNDED:
        last = order.notifications.filter(kind=Kind.MONEY_BACK).order_by("-pk").values("pk")[:1]
        mails = mails.filter(~Q(kind=Kind.MONEY_BACK) | Q(pk__in=last))
    return mails.order_by("pk")


def repeat(order_id: int, notification_id: int) -> Notification | None:
    """Send a mail once more, because a person asked for it; None if it is not `repeatable`.

    It is the same mail with the same Message-ID, so a mail program that has both shows one.
    """
    with transaction.atomic():  # a refund that ends the order waits for it, or is seen
        order = Order.objects.select_for_update().get(pk=order_id)
        mails = repeatable(order).filter(pk=notification_id)
        return Notification.objects.get(pk=notification_id) if _requeue(mails, refused_since=None) else None


def take_back(notification_ids: Sequence[int]) -> int:
    """Requeue those of these that were given up: their refusals were the server's. Returns how many.

    A mail that was refused for REFUSED_FOR stays given up.
    """
    mails = mails_given_up().filter(pk__in=notification_ids)
    mails = mails.exclude(refused_since__lte=database_now() - REFUSED_FOR)
    return _requeue(mails, refused_since=Coalesce("refused_since", Now()))


def _requeue(mails: QuerySet[Notification], **facts: object) -> int:
    due = {"status": Status.QUEUED, "send_after": database_now(), "claims": 0, "errors": 0, "asked_by": ""}
    requeued = mails.exclude(text="").order_by().update(**due, **facts)
    if requeued:
        nudge("send_pending_emails")
        log.info("mail.again", extra={"mails": requeued})
    return requeued


def hold_all(why: str) -> int:
    """Give up every queued mail, because it may have been sent. Returns how many. An operator may send them again."""
    return Notification.objects.filter(status=Status.QUEUED).update(
        status=Status.GIVEN_UP,
        send_after=None,
        sending_since=None,
        claims=0,
        errors=0,
        error=f"{UNCERTAIN_PREFIX}: {why}",
    )


@reader(DATABASE)
def mails() -> Iterator[Value]:
    """Unsent mails of both states."""
    queued, given_up = unsent_mails()
    yield UNSENT_GAUGE, ("queued",), queued
    yield UNSENT_GAUGE, ("given_up",), given_up


def unsent_mails() -> tuple[int, int]:
    """The number of queued mails and of given-up mails, each counted up to COUNTED_AT_MOST."""
    waiting, failed = capped(MAIL_QUEUE.appointments(), "send_after"), capped(mails_given_up(), "pk")
    queued, given_up = in_one_round_trip(waiting, failed)
    return queued, given_up


@dataclass(frozen=True)
class Failures:
    """How many mails failed, and the most common reason of the newest REASONS_READ."""

    mails: int
    reason: str


def given_up_lately() -> Failures:
    """The mails that were given up in the last hour."""
    return _failures(mails_given_up().filter(given_up_at__gt=Now() - timedelta(hours=1)))


def refused() -> Failures:
    """The mails that the server refuses for good, and that are tried on, because it may not be about them."""
    return _failures(MAIL_QUEUE.appointments().filter(refused_since__isnull=False).order_by("-pk"))


def _failures(mails: QuerySet[Notification]) -> Failures:
    [n] = in_one_round_trip(capped(mails, "pk"))
    reasons = Counter(mail.reason for mail in mails.only("error")[:REASONS_READ])
    return Failures(n, reasons.most_common(1)[0][0] if reasons else "")


def mails_given_up() -> QuerySet[Notification]:
    """Mails that are not retried, newest first; they have a partial index."""
    return Notification.objects.filter(status=Status.GIVEN_UP).order_by("-pk")


def _queue_to_customer(
    kind: Kind, order: Order, lines: Sequence[OrderLine], occasion: str = "", **facts: object
) -> None:
    if order.erased_at:
        return  # nobody is known any more
    facts["order_link"] = order_link.address(order)
    written = content.of_order(kind, order.language, order.name, order, lines, **facts)
    _queue(kind, order.email, order.name, written, occasion, order=order)


def _queue_to_sellers(kind: Kind, order: Order) -> None:
    """Each seller gets a mail about their own lines, in their language."""
    lines = list(order.lines.select_related("product__seller"))
    for seller in sorted({line.product.seller for line in lines}, key=lambda seller: seller.pk):
        own = [line for line in lines if line.product.seller_id == seller.pk]
        written = content.of_order(kind, seller.language, seller.name, order, own)
        _queue(kind, seller.email, seller.name, written, order=order)


def _queue(
    kind: Kind, recipient: str, name: str, written: MailContent, occasion: str = "", **about: Order | DailyReport
) -> bool:
    """Write the row unless it exists; True if it is new. `about` is the order or the report."""
    _mail, created = Notification.objects.get_or_create(
        kind=kind,
        occasion=occasion,
        recipient=recipient,
        **about,
        defaults={
            "recipient_name": name,
            "subject": written.subject,
            "text": written.text,
            "html": written.html,
            "attachment": written.attachment,
            "message_id": make_msgid(domain=in_ascii(settings.DEFAULT_FROM_EMAIL).rpartition("@")[2].rstrip(">")),
            "send_after": database_now(),
        },
    )
    return created
