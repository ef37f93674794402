"""Callbacks that are kept: they can be processed again, until they are too old."""

from datetime import timedelta

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from billing.callbacks import inbox
from billing.callbacks.inbox import prune_callbacks
from billing.models import AskedBy, Callback
from billing.states import Status
from config.due import shutting_down
from tests.callbacks import ended, post, rolled_back
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough

# --- replayed --------------------------------------------------------------------------------------------------------


def test_a_callback_that_was_processed_can_be_processed_again(shop: Shop) -> None:
    """As if it had just come: the provider is asked once more; the row says who wanted that."""
    _, payment = ended(shop, "cancel")
    post(shop.callback(payment))
    shop.sweep()
    shop.sandbox.force(payment.provider_ref, "succeeded")

    shop.let_interval_pass()
    assert inbox.replay(Callback.objects.get().pk, "ann")
    shop.sweep()

    stored = Callback.objects.get()
    assert (stored.outcome, stored.replayed_by, stored.repeats) == (Callback.Outcome.LOOKED, "ann", 0)
    assert stored.replayed_at is not None
    assert (shop.fresh(payment).status, shop.fresh(payment).found_by) == (Status.SUCCEEDED, AskedBy.CALLBACK)


def test_a_forged_callback_can_be_processed_too(shop: Shop) -> None:
    """What it says is not believed, so it can only lead to the truth."""
    _, payment = shop.order()
    post(shop.callback(payment), secret="wrong")
    asked = shop.questions(payment)

    assert inbox.replay(Callback.objects.get().pk, "ann")
    shop.sweep()

    assert Callback.objects.get().outcome == Callback.Outcome.LOOKED
    assert shop.questions(payment) == asked + 1
    assert shop.fresh(payment).status == Status.PENDING


@rolled_back
def test_a_callback_that_cannot_be_read_is_no_better_the_second_time() -> None:
    """The same outcome again; and one that is not there cannot be replayed."""
    post(b"{}")
    stored = Callback.objects.get()

    assert inbox.replay(stored.pk, "ann")
    inbox.process_due()

    stored.refresh_from_db()
    assert (stored.outcome, stored.replayed_by) == (Callback.Outcome.MALFORMED, "ann")
    assert not inbox.replay(stored.pk + 1, "ann")


@pytest.mark.postgres_too
def test_a_callback_that_waits_is_processed_at_once(shop: Shop) -> None:
    """The provider was down and the wait has grown; and whoever is at it is not disturbed."""
    _, payment = ended(shop, "cancel")
    shop.sandbox.outage("status_500", 600)
    post(shop.callback(payment))
    inbox.process_due()
    assert inbox.process_due() == 0
    shop.sandbox.end_outage()

    inbox.replay(Callback.objects.get().pk, "ann")
    claimed = inbox.CALLBACK_QUEUE.claim_one(Callback.objects.get().pk)
    assert claimed is not None
    inbox.replay(claimed.pk, "ann")
    assert inbox.CALLBACK_QUEUE.claim_one(claimed.pk) is None
    inbox.CALLBACK_QUEUE.work_on(claimed, inbox._process)

    assert Callback.objects.get().outcome == Callback.Outcome.LOOKED


def test_whoever_may_change_callbacks_may_replay_them(shop: Shop, client: Client) -> None:
    """In the admin; others do not see the action, and cannot use it."""
    _, payment = shop.order()
    post(shop.callback(payment))
    shop.sweep()
    user = User.objects.create(username="sam", is_staff=True)
    client.force_login(user)
    form = {"action": "replay", ACTION_CHECKBOX_NAME: [Callback.objects.get().pk]}
    for permissions, by in (["view_callback"], ""), (["view_callback", "change_callback"], "sam"):
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.post(reverse("admin:billing_callback_changelist"), form)
        assert Callback.objects.get().replayed_by == by
    assert Callback.objects.get().outcome == Callback.Outcome.WAITING


# --- retention -------------------------------------------------------------------------------------------------------


def test_old_callbacks_are_deleted_and_no_others(shop: Shop, settings: Settings) -> None:
    """Not those that still wait, nor what was told about a payment that is still open."""
    settings.CALLBACK_RETENTION_DAYS = 90
    _, paid = shop.order()
    shop.buyer(paid, "pay")
    shop.receive(paid)
    shop.sweep()
    _, pending = shop.order()
    about_open = shop.receive(pending)
    shop.sweep()
    young, waiting = shop.receive(paid, "payment.refunded"), shop.receive(paid, "payment.canceled")
    inbox.process(young.pk)
    Callback.objects.exclude(pk=young.pk).update(received_at=Now() - timedelta(days=91))
    Callback.objects.filter(pk=young.pk).update(received_at=Now() - timedelta(days=89))

    assert not prune_callbacks(10)

    assert set(Callback.objects.values_list("pk", flat=True)) == {about_open.pk, young.pk, waiting.pk}


def test_callbacks_are_deleted_in_batches_until_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is for the next message; a worker that must end stops between two batches."""
    monkeypatch.setattr(inbox, "PRUNED_AT_ONCE", 10)
    Callback.objects.bulk_create(
        Callback(account="sandbox", body=b"{}", digest=str(number), outcome=Callback.Outcome.MALFORMED)
        for number in range(25)
    )
    Callback.objects.update(received_at=Now() - timedelta(days=400))

    assert prune_callbacks(0)
    assert Callback.objects.count() == 25
    shutting_down.set()
    assert prune_callbacks(10)
    assert Callback.objects.count() == 25
    shutting_down.clear()
    assert not prune_callbacks(10)
    assert not Callback.objects.exists()
