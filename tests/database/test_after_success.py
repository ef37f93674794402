"""What happens to the money after a payment succeeded: refunds made elsewhere, returned refunds, disputes."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db.models import F
from pytest_django.fixtures import Settings

from actors.operations.findings import findings_of, take_snapshot
from billing import disputes
from billing.attention import ATTENTIVE
from billing.attention_list import all_items
from billing.callbacks import inbox
from billing.lookup import payments_named
from billing.models import AskedBy, Attention, Callback, Dispute, Payment, Refund
from billing.payments import mismatches
from billing.payments import service as payments
from billing.payments.check import CHECK_QUEUE, check, record
from billing.reconciliation import runs
from billing.refunds import service as refunds
from billing.refunds.service import CannotRefund
from billing.states import DisputeStatus, RefundStatus, Status
from commerce.models import Notification, OrderStatus
from config.due.queue import database_now
from tests.shop import Shop, signed

pytestmark = pytest.mark.django_db(transaction=True)

WEEK = 7 * 24 * 3600


def called(shop: Shop, event: str, **about: object) -> None:
    """The provider calls back, and everything that follows is done."""
    body = {"id": f"evt_{uuid4().hex}", "type": event, **about}
    shop.let_interval_pass()
    inbox.receive("sandbox", signed(json.dumps(body).encode()))
    shop.sweep()
    assert Callback.objects.order_by("-pk")[0].outcome == Callback.Outcome.LOOKED


def names(payment: Payment) -> dict[str, str]:
    return {"id": payment.provider_ref, "reference": payment.reference}


# --- refunds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "status"), [("4.50", OrderStatus.REFUNDED), ("1.20", OrderStatus.PAID)])
def test_a_refund_made_at_the_provider_weeks_later_is_found(shop: Shop, value: str, status: OrderStatus) -> None:
    """By its callback, with one question; the customer is told of it once."""
    order, payment = shop.paid()
    shop.let_time_pass(2 * WEEK)
    shop.sandbox.refund(payment.provider_ref, {"value": value, "currency": "EUR"})
    shop.sandbox.journal.clear()

    called(shop, "refund.succeeded", payment=names(payment))

    refund = Refund.objects.get()
    assert (refund.status, refund.wanted_by, refund.amount.value) == (RefundStatus.SUCCEEDED, "provider", value)
    assert shop.questions(payment) == 1
    assert shop.fresh(order).status == status
    assert Notification.objects.filter(kind="money_back").count() == 1


def test_a_callback_about_an_ended_payment_asks_once(shop: Shop) -> None:
    """Whatever the event: one question, no more appointment, and nothing changes."""
    order, payment = shop.paid()
    shop.sandbox.journal.clear()

    called(shop, "payment.whatever", payment=names(payment))
    shop.sweep()

    assert shop.questions(payment) == 1
    assert (shop.fresh(payment).status, shop.fresh(payment).next_check_at) == (Status.SUCCEEDED, None)
    assert shop.fresh(order).status == OrderStatus.PAID


def test_a_callback_that_comes_during_a_check_of_an_ended_payment_is_not_lost(shop: Shop) -> None:
    """The claim stands; afterwards the payment is due once more."""
    _, payment = shop.paid()
    payments.check_now(payment, AskedBy.OPERATOR)
    claimed = CHECK_QUEUE.claim_one(payment.pk)
    assert claimed
    result = check(claimed, database_now())
    payments.check_now(payment, AskedBy.CALLBACK)

    record([result])

    assert CHECK_QUEUE.due(database_now()).filter(pk=payment.pk).exists()
    shop.sweep()
    assert shop.fresh(payment).next_check_at is None


@pytest.mark.parametrize("told", ["by its own callback", "by the sum of the payment"])
def test_a_refund_that_the_bank_returned_has_failed(shop: Shop, told: str) -> None:
    """Days later. The shop has the money again, a person must see to it, and no mail tells a second untruth."""
    order, payment = shop.paid()
    refund = shop.follow(shop.refund(payment))
    shop.sweep()
    assert (refund.status, shop.fresh(order).status) == (RefundStatus.SUCCEEDED, OrderStatus.REFUNDED)
    shop.let_time_pass(WEEK)
    shop.sandbox.force_refund(refund.provider_ref, "failed", "account_closed")

    about = {"refund": {"id": refund.provider_ref}} if told == "by its own callback" else {}
    called(shop, "refund.failed", payment=names(payment), **about)

    refund = shop.fresh(refund)
    assert (refund.status, refund.attention, refund.reason) == (
        RefundStatus.FAILED,
        Attention.RETURNED,
        "account_closed",
    )
    assert (shop.fresh(payment).refunds_minor, shop.fresh(payment).attention) == (0, "")
    order = shop.fresh(order)
    assert "did not go through: account_closed" in order.attention_note
    assert (order.status, order.refunded_minor) == (OrderStatus.REFUNDED, 0)
    assert Notification.objects.filter(kind="money_back").count() == 1

    refunds.note_returned(refund.pk, "olga", "sent by bank transfer")
    assert shop.fresh(refund).attention == ""
    with pytest.raises(CannotRefund):
        refunds.note_returned(refund.pk, "olga", "again")


def test_a_returned_refund_can_be_made_again(shop: Shop) -> None:
    """All of the money is left for another one, and the customer hears of that one."""
    order, payment = shop.paid()
    refund = shop.follow(shop.refund(payment))
    shop.sweep()
    shop.sandbox.force_refund(refund.provider_ref, "failed", "account_closed")
    called(shop, "refund.failed", payment=names(payment), refund={"id": refund.provider_ref})

    shop.follow(shop.refund(shop.fresh(payment)))
    shop.sweep()

    assert shop.fresh(order).refunded_minor == payment.amount_minor
    assert Notification.objects.filter(kind="money_back").count() == 2


def test_a_sum_that_is_less_than_ours_without_a_returned_refund_needs_a_person(shop: Shop) -> None:
    """Every refund is confirmed, and still the provider's total is another: nothing is guessed."""
    _, payment = shop.paid()
    shop.follow(shop.refund(payment, "1.00"))
    _say_refunded(shop, payment, "0.40")

    called(shop, "payment.succeeded", payment=names(payment))

    assert shop.fresh(payment).attention == Attention.REFUNDS_DIFFER
    assert Refund.objects.get().status == RefundStatus.SUCCEEDED


# --- disputes --------------------------------------------------------------------------------------------------------


def disputed(shop: Shop, payment: Payment, **facts: object) -> Dispute:
    """The customer's bank has opened a dispute, and the provider has called."""
    theirs = shop.sandbox.dispute(payment.provider_ref, **facts)
    called(shop, "dispute.opened", payment=names(payment), dispute={"id": theirs["id"]})
    return Dispute.objects.get(provider_ref=theirs["id"])


def test_a_dispute_is_noticed_with_its_deadline(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A row, a line in the log, and a case for a person until somebody has answered it."""
    _, payment = shop.paid()

    dispute = disputed(shop, payment, reason="fraudulent")

    assert (dispute.status, dispute.reason, dispute.payment) == (DisputeStatus.OPEN, "fraudulent", payment)
    assert dispute.amount == payment.amount
    assert dispute.evidence_due_at is not None
    assert dispute.evidence_due_at > datetime.now(UTC)
    assert dispute.fee.minor > 0
    assert "dispute.open" in caplog.messages
    assert list(ATTENTIVE["dispute"].rows()) == [dispute]

    disputes.answered(dispute.pk, "olga", "sent the proof of delivery")

    assert not ATTENTIVE["dispute"].rows().exists()
    assert shop.fresh(payment).left == payment.amount


@pytest.mark.parametrize(("outcome", "left"), [("won", 450), ("lost", 0)])
def test_a_decided_dispute_is_in_the_books(shop: Shop, outcome: str, left: int) -> None:
    """A lost one is money that went away; a won one changes nothing."""
    _, payment = shop.paid()
    dispute = disputed(shop, payment)
    shop.sandbox.force_dispute(dispute.provider_ref, outcome)

    called(shop, f"dispute.{outcome}", payment=names(payment), dispute={"id": dispute.provider_ref})

    dispute, payment = shop.fresh(dispute), shop.fresh(payment)
    assert (dispute.status, dispute.ended_at is not None) == (outcome, True)
    assert payment.left is not None
    assert (payment.left.minor, payment.lost_minor) == (left, 450 - left)
    with pytest.raises(disputes.CannotAnswer):
        disputes.answered(dispute.pk, "olga", "too late")


def test_a_dispute_that_was_lost_may_be_won_in_the_end(shop: Shop) -> None:
    """Banks change their minds: the books follow the provider."""
    _, payment = shop.paid()
    dispute = disputed(shop, payment)
    for outcome in ("lost", "won"):
        shop.sandbox.force_dispute(dispute.provider_ref, outcome)
        called(shop, f"dispute.{outcome}", payment=names(payment), dispute={"id": dispute.provider_ref})

    assert shop.fresh(dispute).status == DisputeStatus.WON
    assert shop.fresh(payment).lost_minor == 0


def test_what_a_bank_holds_back_is_not_refunded(shop: Shop) -> None:
    """A refund would pay the customer twice. Of a mere question a refund is the way out."""
    _, payment = shop.paid()
    dispute = disputed(shop, payment)
    with pytest.raises(CannotRefund, match="pay it twice"):
        shop.refund(payment, "1.00")
    shop.sandbox.force_dispute(dispute.provider_ref, "lost")
    called(shop, "dispute.lost", payment=names(payment), dispute={"id": dispute.provider_ref})
    with pytest.raises(CannotRefund, match="At most"):
        shop.refund(payment, "1.00")

    _, asked = shop.paid()
    disputed(shop, asked, inquiry=True)
    assert shop.refund(asked, "1.00").amount.minor == 100


def test_a_payment_is_found_by_every_id_of_its_parts(shop: Shop) -> None:
    """Its own, its charge, its refund, its dispute: as they stand in the provider's pages."""
    _, payment = shop.paid()
    refund = shop.follow(shop.refund(payment, "1.00"))
    dispute = disputed(shop, payment, amount={"value": "3.50", "currency": "EUR"})
    charge = next(each["charge"] for each in shop.sandbox.payments() if each["id"] == payment.provider_ref)
    shop.paid()

    for word in (payment.provider_ref, charge, refund.provider_ref, dispute.provider_ref):
        assert list(Payment.objects.filter(payments_named(word))) == [payment], word


# --- by night --------------------------------------------------------------------------------------------------------


def test_what_moved_on_a_day_is_found_whenever_the_payment_was_made(shop: Shop, night: None) -> None:
    """Refunds and disputes of old payments, without any callback; the payment's own day is long compared."""
    (_, refunded), (_, contested) = shop.paid(), shop.paid()
    old = datetime.now(UTC) - timedelta(days=60)
    Payment.objects.update(created_at=old)
    for their in shop.sandbox.ledger.all():
        shop.sandbox.ledger._keep(replace(their, created_at=old))
    shop.sandbox.refund(refunded.provider_ref, {"value": "1.00", "currency": "EUR"})
    shop.sandbox.dispute(contested.provider_ref)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    _moved_at(shop, yesterday)

    runs.reconcile("sandbox", yesterday.date())
    shop.sweep()

    assert Refund.objects.get().payment == refunded
    assert Dispute.objects.get().payment == contested


def test_an_open_dispute_is_asked_about_every_night(shop: Shop, night: None) -> None:
    """Its end needs no callback."""
    _, payment = shop.paid()
    dispute = disputed(shop, payment)
    shop.sandbox.force_dispute(dispute.provider_ref, "won")

    runs.reconcile("sandbox", (datetime.now(UTC) - timedelta(days=1)).date())
    shop.sweep()

    assert shop.fresh(dispute).status == DisputeStatus.WON


def test_a_movement_that_is_known_is_not_asked_about_again(shop: Shop, night: None) -> None:
    """Each day is compared on several nights: what was looked at costs no question."""
    _, payment = shop.paid()
    shop.follow(shop.refund(payment, "1.00"))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    _moved_at(shop, yesterday)
    shop.sandbox.journal.clear()

    runs.reconcile("sandbox", yesterday.date())
    shop.sweep()

    assert shop.questions(payment) == 0


def _moved_at(shop: Shop, moment: datetime) -> None:
    """All refunds and disputes there were made at this time."""
    ledger = shop.sandbox.ledger
    for refund in ledger.refunds():
        ledger._keep_refund(replace(refund, created_at=moment))
    for dispute in ledger.disputes():
        ledger._keep_dispute(replace(dispute, created_at=moment))


def test_an_open_dispute_is_a_finding_with_its_deadline(shop: Shop) -> None:
    """Its alert is a ticket, so it is never urgent. It has the row's page, and its resolution on the attention list."""
    _, payment = shop.paid()
    dispute = disputed(shop, payment, due_in_s=5 * 24 * 3600)
    due = f"{dispute.evidence_due_at:%Y-%m-%d %H:%M}"

    [found] = [each for each in findings_of(take_snapshot()) if "dispute" in each.problem]
    assert (due in found.problem, found.is_urgent) == (True, False)
    [item] = all_items(10)
    assert (item.noun, item.reference, due in item.note) == ("dispute", payment.reference, True)
    assert item.resolutions == ("Answered",)

    Dispute.objects.update(evidence_due_at=F("evidence_due_at") - timedelta(days=3))
    assert [each.is_urgent for each in findings_of(take_snapshot()) if "dispute" in each.problem] == [False]

    disputes.answered(dispute.pk, "olga", "sent the proof of delivery")
    assert not [each for each in findings_of(take_snapshot()) if "dispute" in each.problem]


def test_an_answer_to_a_dispute_holds_until_the_provider_asks_for_another(shop: Shop) -> None:
    """A new deadline is a new question."""
    _, payment = shop.paid()
    dispute = disputed(shop, payment)
    disputes.answered(dispute.pk, "olga", "sent the proof of delivery")
    called(shop, "dispute.updated", payment=names(payment), dispute={"id": dispute.provider_ref})
    assert shop.fresh(dispute).answered_by == "olga"

    theirs = shop.sandbox.ledger.disputes()[0]
    later = theirs.evidence_due_at + timedelta(days=7)
    shop.sandbox.ledger._keep_dispute(replace(theirs, evidence_due_at=later))
    called(shop, "dispute.updated", payment=names(payment), dispute={"id": dispute.provider_ref})

    dispute = shop.fresh(dispute)
    assert (dispute.answered_by, dispute.evidence_due_at) == ("", later)
    assert list(ATTENTIVE["dispute"].rows()) == [dispute]


@pytest.mark.parametrize("policy", ["accept", "park", "refund"])
@pytest.mark.parametrize("status", ["open", "lost"])
def test_a_late_payment_that_is_disputed_is_for_a_person(
    shop: Shop, settings: Settings, policy: str, status: str
) -> None:
    """Its goods must not be sent for money that may go, and it cannot be refunded."""
    settings.LATE_MONEY_POLICY = policy
    order, payment = shop.order()
    shop.buyer(payment, "cancel")
    shop.sweep_now(payment)
    shop.sandbox.force(payment.provider_ref, "succeeded")
    theirs = shop.sandbox.dispute(payment.provider_ref)
    shop.sandbox.force_dispute(theirs["id"], status)

    called(shop, "payment.succeeded", payment=names(payment))

    order = shop.fresh(order)
    assert (shop.fresh(payment).status, order.status) == (Status.SUCCEEDED, OrderStatus.CANCELED)
    assert f"payment {payment.pk}" in order.attention_note
    assert not Refund.objects.exists()


def test_the_night_finds_the_id_of_a_payment_that_an_operator_confirmed(shop: Shop, night: None) -> None:
    """Its creation was never answered: until then it cannot be refunded, and the sentence says where."""
    shop.sandbox.fault("create", "lost_answer", times=1)
    _, payment = shop.order()
    theirs = shop.sandbox.payments()[-1]["id"]
    shop.sandbox.act(theirs, "pay")
    Payment.objects.update(attention=Attention.ERRORS)
    mismatches.confirm(payment.pk, "olga", "seen there", payment.amount)
    shop.sweep()
    with pytest.raises(CannotRefund, match="in the provider's pages"):
        shop.refund(payment)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    Payment.objects.update(created_at=yesterday)
    for their in shop.sandbox.ledger.all():
        shop.sandbox.ledger._keep(replace(their, created_at=yesterday))

    runs.reconcile("sandbox", yesterday.date())

    assert shop.fresh(payment).provider_ref == theirs
    assert shop.follow(shop.refund(shop.fresh(payment))).status == RefundStatus.SUCCEEDED


def test_a_difference_that_was_noted_calls_nobody_again(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Until the provider says something else. While it stands, it is one line in the log."""
    _, payment = shop.paid()
    shop.follow(shop.refund(payment, "1.00"))
    _say_refunded(shop, payment, "0.40")
    for _ in range(3):
        called(shop, "payment.succeeded", payment=names(payment))
    assert caplog.messages.count("payment.attention") == 1

    mismatches.note_difference(payment.pk, "olga", "the bank kept a fee")
    called(shop, "payment.succeeded", payment=names(payment))
    assert shop.fresh(payment).attention == ""

    _say_refunded(shop, payment, "0.30")
    called(shop, "payment.succeeded", payment=names(payment))
    assert shop.fresh(payment).attention == Attention.REFUNDS_DIFFER

    _say_refunded(shop, payment, "1.00")
    called(shop, "payment.succeeded", payment=names(payment))
    assert shop.fresh(payment).attention == ""


def _say_refunded(shop: Shop, payment: Payment, value: str) -> None:
    """The provider's total of what went back."""
    shop.sandbox.ledger._keep(replace(shop.sandbox.ledger.find(payment.provider_ref), refunded=Decimal(value)))


def test_a_wrong_sum_that_was_given_back_is_followed_too(shop: Shop) -> None:
    """Its refund failed, and somebody made it in the provider's pages: the books know where the money is."""
    _, payment = shop.order()
    shop.sandbox.force(payment.provider_ref, "succeeded", amount={"value": "9.00", "currency": "USD"})
    shop.look(payment)
    refund = shop.follow(mismatches.give_back(payment.pk, "olga", "not our price", uuid4().hex))
    shop.sandbox.force_refund(refund.provider_ref, "failed", "account_closed")
    shop.sandbox.refund(payment.provider_ref, {"value": "9.00", "currency": "USD"})

    called(shop, "refund.failed", payment=names(payment), refund={"id": refund.provider_ref})
    called(shop, "refund.succeeded", payment=names(payment))

    payment = shop.fresh(payment)
    assert (payment.status, payment.left and payment.left.minor) == (Status.FAILED, 0)
