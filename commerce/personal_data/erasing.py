"""Erasing: what names a customer goes. Goods, amounts, payments and times stay: they are the shop's books."""

import logging
from dataclasses import dataclass

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing.callbacks import inbox
from billing.payments import service as payments
from commerce.models import Notification, Order, OrderStatus
from commerce.models.order import TO_BE_PACKED
from commerce.personal_data.people import Person
from config.actions import ActionRefused
from config.due.queue import database_now

log = logging.getLogger(__name__)

_QUEUED_MAILS = Notification.objects.filter(order=OuterRef("pk"), status=Notification.Status.QUEUED)

NEEDED = (
    (_("it waits for its payment"), Q(status=OrderStatus.AWAITING_PAYMENT)),
    (_("its goods are not marked as sent or delivered"), TO_BE_PACKED),
    (_("it needs a person"), ~Q(attention_note="")),
    (_("a mail about it is not sent yet"), Q(Exists(_QUEUED_MAILS))),
    (_("a payment, refund or dispute of it is not finished"), Q(Exists(payments.unfinished(OuterRef("public_id"))))),
)
"""Why the data of an order is still needed."""


class StillNeeded(ActionRefused):
    """Nothing was erased. The message names the orders whose data is still needed, and why."""


@dataclass(frozen=True)
class Erased:
    """How much was erased."""

    orders: int
    accounts: int
    mails: int

    def __str__(self) -> str:
        return _("%(orders)s orders, %(accounts)s accounts, %(mails)s mails") % vars(self)


def finished() -> QuerySet[Order]:
    """Orders that name their customer, and whose data is needed no more."""
    orders = Order.objects.filter(erased_at=None)
    for _reason, needed in NEEDED:
        orders = orders.filter(~needed)
    return orders


def erase(person: Person) -> Erased:
    """Erase all data of a customer, or nothing. Raises NotACustomer, and StillNeeded while an order needs the data.

    The accounts are deleted with their carts, and their sessions end.
    """
    person.check()
    with transaction.atomic():
        orders = list(person.orders.filter(erased_at=None).select_for_update(of=("self",)))
        if reasons := [f"{order.number}: {why}" for order in orders if (why := _why_needed(order))]:
            raise StillNeeded(_refusal(reasons))
        mails = sum(map(forget, orders)) + _blank(person.mails, person.address)
        accounts = list(person.accounts)
        for account in accounts:
            account.delete()
    return Erased(len(orders), len(accounts), mails)


def forget(order: Order) -> int:
    """Make a locked order, its mails, reviews, callbacks and history anonymous. Returns how many mails it had."""
    address, order.erased_at = order.email, database_now()
    order.email = order.name = order.address = ""
    order.customer = None
    order.save(update_fields=["email", "name", "address", "customer", "erased_at"])
    order.reviews.all().delete()
    mails = order.notifications.all()
    _forget_history(Notification, list(mails.values_list("pk", flat=True)), "")
    inbox.forget_bodies(order.public_id)
    _forget_history(Order, [order.pk], order.number)
    transaction.on_commit(lambda: log.info("order.erased", extra={"order": order.number}))
    return _blank(mails, address)


def blank_texts(mails: QuerySet[Notification]) -> int:
    """Delete the texts of mails; that they were sent stays. Returns how many."""
    return mails.order_by().update(text="", html="", recipient_name="")


def _blank(mails: QuerySet[Notification], address: str) -> int:
    """Mails to sellers keep their recipient, who is not the customer."""
    blanked = blank_texts(mails)
    mails.order_by().filter(recipient__iexact=address).update(recipient="")
    return blanked


def _forget_history(model: type[Model], keys: list[int], name: str) -> None:
    """The history of actions names a row as it was then: an order with its customer, a mail with its recipient.

    Entries about personal data name nobody (`commerce.personal_data.actions`).
    """
    entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))
    named = entries.exclude(change_message__startswith="Personal data ")
    named.filter(object_id__in=[str(key) for key in keys]).update(object_repr=name)


def _why_needed(order: Order) -> str:
    this = Order.objects.filter(pk=order.pk)
    return ", ".join(str(reason) for reason, needed in NEEDED if this.filter(needed).exists())


def _refusal(reasons: list[str]) -> str:
    text = ngettext(
        "Nothing was erased, because the data of %(n)s order is still needed. %(reasons)s.",
        "Nothing was erased, because the data of %(n)s orders is still needed. %(reasons)s.",
        len(reasons),
    )
    return text % {"n": len(reasons), "reasons": "; ".join(reasons)}
