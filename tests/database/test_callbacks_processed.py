"""Callbacks processed: a reason to ask the provider, and no more than that."""

import json

import pytest
from django.db.models import F
from django.db.models.functions import Now

from billing.callbacks import inbox
from billing.models import AccountState, AskedBy, Callback, Payment
from billing.payments import sweep
from billing.states import Status
from commerce.models import OrderStatus
from config.due.queue import database_now
from tests.callbacks import ended, post
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough


def sweep_patiently(shop: Shop) -> list[float]:
    """Sweep until nothing waits, as if time had passed; returns how long each callback was put off, in seconds."""
    waits = []
    shop.sweep()
    while (waiting := Callback.objects.filter(outcome=Callback.Outcome.WAITING).first()) and waiting.process_after:
        waits.append((waiting.process_after - database_now()).total_seconds())
        Callback.objects.filter(pk=waiting.pk).update(process_after=Now())
        shop.sweep()
    return waits


# --- not believed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["payment.succeeded", "payment.canceled", "payment.failed", "payment.refunded"])
def test_a_callback_that_lies_changes_nothing(shop: Shop, event: str) -> None:
    """Whatever it claims, the provider is asked, and says that the payment is pending."""
    order, payment = shop.order()
    asked = shop.questions(payment)
    body = json.loads(shop.callback(payment, event))
    body["payment"]["status"] = event.rpartition(".")[2]

    assert post(json.dumps(body).encode()) == 200
    shop.sweep()

    assert shop.questions(payment) == asked + 1
    assert shop.fresh(payment).status == Status.PENDING
    assert shop.fresh(order).status == OrderStatus.AWAITING_PAYMENT
    assert Callback.objects.get().outcome == Callback.Outcome.LOOKED


def test_a_callback_about_a_payment_nobody_knows_is_taken_and_noted(shop: Shop) -> None:
    """200: repeating it would not help. Nobody is asked about it."""
    _, payment = shop.order()
    before = len(shop.sandbox.requests())
    body = b'{"id": "e", "type": "payment.succeeded", "payment": {"id": "pay_unknown", "reference": "unknown"}}'

    assert post(body) == 200
    assert sweep_patiently(shop) == pytest.approx([5, 60], abs=4)

    assert Callback.objects.get().outcome == Callback.Outcome.UNKNOWN_PAYMENT
    assert len(shop.sandbox.requests()) == before
    assert shop.fresh(payment).status == Status.PENDING


def test_an_unknown_id_with_a_reference_of_ours_asks_about_our_payment(shop: Shop) -> None:
    """It may be of a part that no answer has told of, like a charge. It is only a question."""
    _, payment = shop.order()
    body = {"type": "payment.succeeded", "payment": {"id": "pay_other", "reference": payment.reference}}

    post(json.dumps(body).encode())
    sweep_patiently(shop)

    assert Callback.objects.get().payment == payment
    assert shop.fresh(payment).status == Status.PENDING
    assert shop.fresh(payment).provider_ref == payment.provider_ref


def test_a_callback_may_overtake_the_answer_that_tells_the_payments_id(shop: Shop) -> None:
    """The answer to creating the payment was lost: the callback finds it by our reference."""
    shop.sandbox.fault("create", "lost_answer", times=1)
    order, payment = shop.order()
    assert payment.provider_ref == ""
    theirs = next(each for each in shop.sandbox.payments() if each["reference"] == order.public_id)
    shop.sandbox.act(theirs["id"], "pay")
    body = {"type": "payment.succeeded", "payment": {"id": theirs["id"], "reference": order.public_id}}

    post(json.dumps(body).encode())
    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.PAID
    assert shop.fresh(payment).provider_ref == theirs["id"]


def test_a_callback_may_overtake_the_id_of_its_payment(shop: Shop) -> None:
    """It says nothing but the provider's id, and we learn that a moment later: it is tried again."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    provider_ref = payment.provider_ref
    Payment.objects.update(provider_ref="")
    body = {"type": "payment.succeeded", "payment": {"id": provider_ref, "reference": "-"}}
    post(json.dumps(body).encode())
    assert inbox.process_due() == 1
    assert Callback.objects.get().outcome == Callback.Outcome.WAITING

    Payment.objects.update(provider_ref=provider_ref)
    assert sweep_patiently(shop) == pytest.approx([5], abs=4)

    assert shop.fresh(payment).found_by == AskedBy.CALLBACK
    assert Callback.objects.get().outcome == Callback.Outcome.LOOKED


def test_each_event_is_a_callback_and_each_repeat_is_none(shop: Shop) -> None:
    """Some providers give every event an id and send it again with the same one; others have no ids at all, and what
    they send again is the same text. Either way the body says whether it is new.
    """
    _, payment = shop.order()
    about = {"id": payment.provider_ref, "reference": payment.reference}
    with_ids = [{"id": f"evt_{number}", "type": "payment.succeeded", "payment": about} for number in (1, 2)]
    without = [{"type": f"payment.{word}", "payment": about} for word in ("pending", "succeeded")]

    for event in [*with_ids, *without, *with_ids, *without]:
        assert post(json.dumps(event).encode()) == 200

    assert [callback.repeats for callback in Callback.objects.all()] == [1, 1, 1, 1]


# --- late money ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["cancel", "decline", "expire"])
def test_late_success_is_found_through_a_callback(shop: Shop, action: str) -> None:
    """A payment that has ended has no appointment any more: the callback is the reason to ask once more."""
    _, payment = ended(shop, action)
    shop.sandbox.force(payment.provider_ref, "succeeded")

    post(shop.callback(payment))
    inbox.process_due()
    sweep.check_one(payment.pk)

    payment = shop.fresh(payment)
    assert (payment.status, payment.found_by, payment.next_check_at) == (Status.SUCCEEDED, AskedBy.CALLBACK, None)
    assert Callback.objects.get().outcome == Callback.Outcome.LOOKED


@pytest.mark.parametrize("action", ["cancel", "decline", "expire"])
def test_a_late_success_that_is_a_lie_changes_nothing(shop: Shop, action: str) -> None:
    """The provider is asked about an ended payment, too."""
    order, payment = ended(shop, action)
    before = shop.fresh(order).status, payment.status, payment.ended_at

    post(shop.callback(payment))
    shop.sweep()

    payment = shop.fresh(payment)
    assert (shop.fresh(order).status, payment.status, payment.ended_at) == before
    assert Callback.objects.get().outcome == Callback.Outcome.LOOKED


@pytest.mark.parametrize("kind", ["refuse", "status_500"])
def test_a_late_success_is_not_lost_while_the_provider_is_down(shop: Shop, kind: str) -> None:
    """The callback has made the payment due, and it stays so until there is an answer."""
    _, payment = ended(shop, "cancel")
    shop.sandbox.force(payment.provider_ref, "succeeded")
    shop.sandbox.outage(kind, 600)
    post(shop.callback(payment))
    for _ in range(20):
        shop.sweep()
        Payment.objects.filter(next_check_at__isnull=False).update(next_check_at=Now())
        AccountState.objects.update(next_probe_at=Now())
    assert shop.fresh(payment).status == Status.CANCELED

    shop.sandbox.end_outage()
    Payment.objects.filter(next_check_at__isnull=False).update(next_check_at=Now())
    AccountState.objects.update(next_probe_at=Now())
    shop.sweep()

    assert shop.fresh(payment).status == Status.SUCCEEDED
    assert Callback.objects.get().outcome == Callback.Outcome.LOOKED


def test_a_late_failure_never_undoes_success(shop: Shop) -> None:
    """The provider changes its mind and says so: the money stays counted, and nobody is asked again and again."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)
    shop.sandbox.force(payment.provider_ref, "failed")

    post(shop.callback(payment, "payment.failed"))
    shop.sweep()

    assert shop.fresh(payment).status == Status.SUCCEEDED
    assert shop.fresh(order).status == OrderStatus.PAID
    assert Callback.objects.get().outcome == Callback.Outcome.LOOKED


# --- dead workers ----------------------------------------------------------------------------------------------------


def test_a_callback_whose_nudge_was_lost_is_found_by_the_sweep(shop: Shop) -> None:
    """The row is due; the message only makes it quicker."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    post(shop.callback(payment))

    assert inbox.process_due() == 1


def test_a_callback_whose_worker_died_is_processed_after_its_lease(shop: Shop) -> None:
    """Until then nobody else touches it."""
    _, payment = shop.order()
    post(shop.callback(payment))
    stored = Callback.objects.get()
    assert inbox.CALLBACK_QUEUE.claim_one(stored.pk)
    inbox.process_due()
    assert shop.fresh(stored).outcome == Callback.Outcome.WAITING

    Callback.objects.update(process_after=F("process_after") - inbox.CALLBACK_QUEUE.lease)
    inbox.process_due()

    assert shop.fresh(stored).outcome == Callback.Outcome.LOOKED
