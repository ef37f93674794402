"""Between a restored backup and an open shop: what is found out, and which mails are held."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from billing.models import Payment, PaymentEvent
from billing.refunds.follow import REFUND_QUEUE
from billing.sandbox import SandboxServer
from billing.states import RefundStatus, Status
from commerce import restore
from commerce.mail import queue
from commerce.models import DailyReport, Notification, Order
from config.due.queue import database_now
from tests.shop import Shop, another_customer
from tests.stack.ports import HANG_S

TAKEN_AT = datetime(2026, 3, 29, 2, 0, tzinfo=UTC)
WHY = "it may have been sent: restored from a backup of 2026-03-29 02:00:00 UTC"
LATER = Now() + timedelta(hours=1)


@pytest.fixture
def shop(sandbox: SandboxServer) -> Shop:
    return Shop(sandbox)


def test_what_was_paid_since_is_settled_and_its_mails_are_held(shop: Shop) -> None:
    """However far off the next look was; and whoever has not paid is left alone, with nothing to be held."""
    paid, payment = shop.order()
    unpaid, _ = shop.order()
    shop.buyer(payment, "pay")
    Payment.objects.update(next_check_at=LATER)

    assert restore.find_out(HANG_S) == 0
    assert restore.hold_mails(TAKEN_AT) == 2

    assert (shop.fresh(paid).is_paid, shop.fresh(unpaid).is_paid) == (True, False)
    assert {(mail.status, mail.error) for mail in Notification.objects.all()} == {("given_up", WHY)}
    assert not unpaid.notifications.exists()


def test_claims_in_the_backup_are_those_of_workers_of_the_past(shop: Shop) -> None:
    """Nobody waits for their leases: neither for those of a payment nor for those of an event."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.look(payment)
    PaymentEvent.objects.filter(settle_after__isnull=False).update(settle_after=LATER, claims=1)
    _, other = shop.order()
    Payment.objects.filter(pk=other.pk).update(next_check_at=LATER, claims=1)
    shop.buyer(other, "pay")

    assert restore.find_out(HANG_S) == 0

    assert shop.fresh(order).is_paid
    assert shop.fresh(other).status == Status.SUCCEEDED


def test_refunds_are_asked_about_as_well(shop: Shop) -> None:
    """Their mails too, to the customer and to the seller, may have been sent."""
    _, payment = shop.paid()
    Notification.objects.all().delete()
    refund = shop.refund(payment)
    REFUND_QUEUE.model.objects.update(next_check_at=LATER)

    assert restore.find_out(HANG_S) == 0
    assert restore.hold_mails(TAKEN_AT) == 2
    assert shop.fresh(refund).status == RefundStatus.SUCCEEDED


@pytest.mark.parametrize("payments", [1, 8])
def test_a_provider_that_is_away_is_counted(shop: Shop, payments: int) -> None:
    """Payments stay open, and the operator is told that they are not known: also where so many of them failed at once
    that it is the account's fault, and counted for none of them.
    """
    for number in range(payments):
        shop.order(by=another_customer(number))
    shop.sandbox.outage("status_500", 60)
    try:
        assert restore.find_out(1.0) == payments
    finally:
        shop.sandbox.end_outage()
    assert all(payment.is_open for payment in Payment.objects.all())


def test_a_mail_that_is_held_can_be_sent_again_and_what_is_new_is_mailed(shop: Shop) -> None:
    """The same mail, by an operator's decision; holding once more finds nothing."""
    first, _ = shop.paid()
    Notification.objects.update(status="queued", send_after=Now(), sent_at=None)
    assert restore.hold_mails(TAKEN_AT) == 2
    assert restore.hold_mails(TAKEN_AT) == 0

    [mail] = first.notifications.filter(kind=Notification.Kind.ORDER_CONFIRMATION)
    assert queue.send_again(mail.pk)
    second, _ = shop.paid()
    shop.sweep()

    assert {shop.fresh(mail).status, *second.notifications.values_list("status", flat=True)} == {"sent"}


def test_the_reports_of_the_days_since_are_built_and_not_mailed(shop: Shop, settings: Settings) -> None:
    """A manager must not get two of them with two sets of numbers."""
    settings.REPORT_RECIPIENTS = ["owner@example.com"]
    order, _ = shop.order()
    Order.objects.filter(pk=order.pk).update(placed_at=database_now() - timedelta(days=1))

    restore.write_what_is_due()
    restore.hold_mails(TAKEN_AT)

    mail = DailyReport.objects.get().notifications.get()
    assert (mail.status, mail.error) == (Notification.Status.GIVEN_UP, WHY)
