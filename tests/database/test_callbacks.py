"""Callbacks: stored before anything in them is believed, and answered at once."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from billing import callbacks, pruning
from billing.models import AskedBy, Callback, Payment
from billing.pruning import prune_callbacks
from billing.states import Status
from commerce.models import Order, OrderStatus
from config.due import database_now
from config.ending import ending
from tests.shop import SECRET, Shop, signed
from tests.threads import at_once

ADDRESS = "/callbacks/sandbox/"

rolled_back = pytest.mark.django_db
"""For tests that need no commit: undoing a transaction is quicker than emptying every table."""


def post(body: bytes, address: str = ADDRESS, secret: str = SECRET) -> int:
    """What the provider is answered."""
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    headers = signed(body, secret).headers
    return client.post(address, data=body, content_type="application/json", headers=headers).status_code


def questions(shop: Shop, payment: Payment) -> int:
    """How often the provider was asked about the payment."""
    return len([each for each in shop.sandbox.requests(payment.provider_ref) if each["method"] == "GET"])


def sweep_patiently(shop: Shop) -> list[float]:
    """Sweep until nothing waits, as if time had passed; returns how long each callback was put off, in seconds."""
    waits = []
    shop.sweep()
    while (waiting := Callback.objects.filter(outcome=Callback.Outcome.WAITING).first()) and waiting.process_after:
        waits.append((waiting.process_after - database_now()).total_seconds())
        Callback.objects.filter(pk=waiting.pk).update(process_after=Now())
        shop.sweep()
    return waits


@contextmanager
def without_table(name: str) -> Iterator[None]:
    """The database answers, but not for this table."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {quote(name)} RENAME TO {quote(name + '_away')}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {quote(name + '_away')} RENAME TO {quote(name)}")


# --- received --------------------------------------------------------------------------------------------------------


def test_a_callback_is_stored_before_anything_else(shop: Shop) -> None:
    """It waits in the database, byte for byte; the provider has its answer before anybody has looked."""
    _, payment = shop.order()
    asked = questions(shop, payment)
    body = shop.callback(payment)

    assert post(body) == 200

    stored = Callback.objects.get()
    assert (bytes(stored.body), stored.account, stored.outcome) == (body, "sandbox", Callback.Outcome.WAITING)
    assert stored.process_after is not None
    assert stored.process_after <= database_now()
    assert questions(shop, payment) == asked


def test_a_callback_makes_its_payment_be_looked_at(shop: Shop) -> None:
    """The provider is asked, and the money is found long before the next appointment."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    post(shop.callback(payment))

    shop.sweep()

    payment = shop.fresh(payment)
    assert (payment.status, payment.found_by) == (Status.SUCCEEDED, AskedBy.CALLBACK)
    assert shop.fresh(order).status == OrderStatus.PAID
    stored = Callback.objects.get()
    assert (stored.outcome, stored.payment, stored.event) == (Callback.Outcome.LOOKED, payment, "payment.succeeded")
    assert stored.process_after is None


def test_a_repeated_callback_is_counted_and_stored_once(shop: Shop) -> None:
    """The provider hears "OK" every time, so that it stops repeating."""
    _, payment = shop.order()
    body = shop.callback(payment)

    assert [post(body) for _ in range(3)] == [200, 200, 200]

    assert [callback.repeats for callback in Callback.objects.all()] == [2]


def test_a_callback_that_comes_twice_at_once_is_stored_once(shop: Shop) -> None:
    """Providers repeat what was answered slowly, while the answer is still under way."""
    _, payment = shop.order()
    body = shop.callback(payment)

    assert at_once(*[lambda: post(body)] * 4) == [200] * 4

    assert [callback.repeats for callback in Callback.objects.all()] == [3]


def test_a_repeat_of_a_processed_callback_starts_nothing(shop: Shop) -> None:
    """It has done its work."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    post(shop.callback(payment))
    shop.sweep()
    asked = questions(shop, payment)

    post(shop.callback(payment))
    shop.sweep()

    assert questions(shop, payment) == asked
    assert Callback.objects.get().outcome == Callback.Outcome.LOOKED


# --- refused ---------------------------------------------------------------------------------------------------------


@rolled_back
def test_an_empty_body_is_refused() -> None:
    """It may be a chunked body that did not get through: an error makes the provider send it again."""
    assert post(b"") == 400
    assert not Callback.objects.exists()


@rolled_back
def test_a_body_that_is_too_long_is_refused(settings: Settings) -> None:
    """One byte more than CALLBACK_MAX_BYTES is too long; nothing of it is stored."""
    settings.CALLBACK_MAX_BYTES = 2_000
    good = b'{"id": "x", "payment": {"id": "p", "reference": "r"}, "type": "payment.succeeded"}'

    assert post(good.ljust(2_000)) == 200
    assert post(good.ljust(2_001)) == 413

    assert Callback.objects.count() == 1


@rolled_back
@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch", "options"])
def test_only_posts_are_callbacks(method: str) -> None:
    """Everything else is the wrong method."""
    assert getattr(Client(), method)(ADDRESS).status_code == 405
    assert not Callback.objects.exists()


@rolled_back
@pytest.mark.parametrize("account", ["nobody", "Sandbox", "sandbox2", "base"])
def test_an_account_nobody_knows_is_not_found(account: str) -> None:
    """Nothing is stored for it, or anybody could fill the disk under any name."""
    assert post(b'{"a": 1}', f"/callbacks/{account}/") == 404
    assert not Callback.objects.exists()


@rolled_back
@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b"null",
        b"{}",
        b'{"payment": null}',
        b'{"type": "payment.succeeded", "payment": {"id": 17, "reference": "r"}}',
        b'{"type": "payment.succeeded", "payment": {"id": "", "reference": "r"}}',
        b'{"type": "payment.succeeded", "payment": {"id": "p\\u0000", "reference": "r"}}',
        b"\x00",
        b"\xff\xfe\xfd",
        b"[" * 60_000,
    ],
    ids=lambda body: repr(body[:60]),
)
def test_a_body_that_cannot_be_read_is_stored_for_a_person_to_see(body: bytes) -> None:
    """400 says that repeating it will not help; the row says what came, and nothing is left to do."""
    assert post(body) == 400

    stored = Callback.objects.get()
    assert (bytes(stored.body), stored.outcome, stored.process_after) == (body, Callback.Outcome.MALFORMED, None)


@rolled_back
def test_a_malformed_body_is_refused_every_time_and_stored_once() -> None:
    """A repeat of it is no better."""
    assert [post(b"{}"), post(b"{}")] == [400, 400]
    assert Callback.objects.get().repeats == 1


def test_a_callback_that_could_not_be_stored_is_asked_for_again(shop: Shop) -> None:
    """Only then the answer is a 5xx; the provider's repeat is taken like the first."""
    _, payment = shop.order()
    body = shop.callback(payment)
    with without_table("billing_callback"):
        assert post(body) >= 500

    assert post(body) == 200
    assert Callback.objects.get().repeats == 0


# --- forged ----------------------------------------------------------------------------------------------------------


def test_a_callback_with_a_wrong_signature_is_kept_and_asks_for_nothing(shop: Shop) -> None:
    """400, and a row for a person to see; the provider is not asked."""
    _, payment = shop.order()
    asked = questions(shop, payment)

    assert post(shop.callback(payment), secret="of somebody else") == 400
    shop.sweep()

    stored = Callback.objects.get()
    assert (stored.outcome, stored.process_after, stored.sender) == (Callback.Outcome.FORGED, None, "127.0.0.1")
    assert questions(shop, payment) == asked


def test_a_forged_callback_is_never_due(shop: Shop) -> None:
    """It is stored as what it is: a sweep between two statements would take it for a true one."""
    _, payment = shop.order()

    with CaptureQueriesContext(connection) as statements:
        assert post(shop.callback(payment), secret="of somebody else") == 400

    written = [each["sql"] for each in statements if each["sql"].startswith(("INSERT", "UPDATE"))]
    assert len(written) == 1, written
    assert written[0].startswith('INSERT INTO "billing_callback"')


def test_a_callback_that_was_refused_counts_when_its_signature_fits(shop: Shop) -> None:
    """Our secret was wrong, and was put right; the provider sends again what was refused."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    body = shop.callback(payment)
    assert post(body, secret="wrong") == 400

    assert post(body) == 200
    shop.sweep()

    assert shop.fresh(payment).found_by == AskedBy.CALLBACK
    assert (Callback.objects.get().outcome, Callback.objects.get().repeats) == (Callback.Outcome.LOOKED, 1)


def test_a_forged_repeat_takes_nothing_back(shop: Shop) -> None:
    """Whoever saw the body of a callback cannot undo it."""
    _, payment = shop.order()
    body = shop.callback(payment)
    assert post(body) == 200

    assert post(body, secret="wrong") == 200

    assert Callback.objects.get().outcome == Callback.Outcome.WAITING


# --- not believed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["payment.succeeded", "payment.canceled", "payment.failed", "payment.refunded"])
def test_a_callback_that_lies_changes_nothing(shop: Shop, event: str) -> None:
    """Whatever it claims, the provider is asked, and says that the payment is pending."""
    order, payment = shop.order()
    asked = questions(shop, payment)
    body = json.loads(shop.callback(payment, event))
    body["payment"]["status"] = event.rpartition(".")[2]

    assert post(json.dumps(body).encode()) == 200
    shop.sweep()

    assert questions(shop, payment) == asked + 1
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


def test_a_reference_of_ours_with_somebody_elses_id_finds_nothing(shop: Shop) -> None:
    """The provider's id of our payment is known already: another one under our reference is not it."""
    _, payment = shop.order()
    body = {"type": "payment.succeeded", "payment": {"id": "pay_other", "reference": payment.reference}}

    post(json.dumps(body).encode())
    sweep_patiently(shop)

    assert Callback.objects.get().outcome == Callback.Outcome.UNKNOWN_PAYMENT
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
    assert callbacks.process_due() == 1
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


# --- replayed --------------------------------------------------------------------------------------------------------


def test_a_callback_that_was_processed_can_be_processed_again(shop: Shop) -> None:
    """As if it had just come: the provider is asked once more; the row says who wanted that."""
    _, payment = ended(shop, "cancel")
    post(shop.callback(payment))
    shop.sweep()
    shop.sandbox.force(payment.provider_ref, "succeeded")

    assert callbacks.replay(Callback.objects.get().pk, "ann")
    shop.sweep()

    stored = Callback.objects.get()
    assert (stored.outcome, stored.replayed_by, stored.repeats) == (Callback.Outcome.LOOKED, "ann", 0)
    assert stored.replayed_at is not None
    assert (shop.fresh(payment).status, shop.fresh(payment).found_by) == (Status.SUCCEEDED, AskedBy.CALLBACK)


def test_a_forged_callback_can_be_processed_too(shop: Shop) -> None:
    """What it says is not believed, so it can only lead to the truth."""
    _, payment = shop.order()
    post(shop.callback(payment), secret="wrong")
    asked = questions(shop, payment)

    assert callbacks.replay(Callback.objects.get().pk, "ann")
    shop.sweep()

    assert Callback.objects.get().outcome == Callback.Outcome.LOOKED
    assert questions(shop, payment) == asked + 1
    assert shop.fresh(payment).status == Status.PENDING


@rolled_back
def test_a_callback_that_cannot_be_read_is_no_better_the_second_time() -> None:
    """The same outcome again; and one that is not there cannot be replayed."""
    post(b"{}")
    stored = Callback.objects.get()

    assert callbacks.replay(stored.pk, "ann")
    callbacks.process_due()

    stored.refresh_from_db()
    assert (stored.outcome, stored.replayed_by) == (Callback.Outcome.MALFORMED, "ann")
    assert not callbacks.replay(stored.pk + 1, "ann")


def test_a_callback_that_waits_is_processed_at_once(shop: Shop) -> None:
    """The provider was down and the wait has grown; and whoever is at it is not disturbed."""
    _, payment = ended(shop, "cancel")
    shop.sandbox.outage("status_500", 600)
    post(shop.callback(payment))
    callbacks.process_due()
    assert callbacks.process_due() == 0
    shop.sandbox.end_outage()

    callbacks.replay(Callback.objects.get().pk, "ann")
    claimed = callbacks.CALLBACKS.claim_one(Callback.objects.get().pk)
    assert claimed is not None
    callbacks.replay(claimed.pk, "ann")
    assert callbacks.CALLBACKS.claim_one(claimed.pk) is None
    callbacks.CALLBACKS.work_on(claimed, callbacks._process)

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


# --- the sender ------------------------------------------------------------------------------------------------------


@rolled_back
@pytest.mark.parametrize(
    ("proxies", "forwarded_for", "found"),
    [
        ([], "203.0.113.7", "127.0.0.1"),
        (["127.0.0.0/8"], "185.71.76.1, 203.0.113.7", "203.0.113.7"),
        (["127.0.0.0/8"], "2001:db8::7", "2001:db8::7"),
        (["127.0.0.0/8"], "203.0.113.7, nonsense", None),
        (["10.0.0.0/8"], "203.0.113.7", "127.0.0.1"),
    ],
)
def test_the_sender_is_who_our_own_proxies_saw(
    settings: Settings, proxies: list[str], forwarded_for: str, found: str | None
) -> None:
    """What a stranger writes into the header is not believed, and nothing in it keeps a callback from being stored."""
    settings.TRUSTED_PROXIES = [ip_network(proxy) for proxy in proxies]
    body = b'{"type": "payment.succeeded", "payment": {"id": "p", "reference": "r"}}'

    headers = {**signed(body).headers, "X-Forwarded-For": forwarded_for}
    assert Client().post(ADDRESS, data=body, content_type="application/json", headers=headers).status_code == 200

    assert Callback.objects.get().sender == found


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
    callbacks.process(young.pk)
    Callback.objects.exclude(pk=young.pk).update(received_at=Now() - timedelta(days=91))
    Callback.objects.filter(pk=young.pk).update(received_at=Now() - timedelta(days=89))

    assert not prune_callbacks(10)

    assert set(Callback.objects.values_list("pk", flat=True)) == {about_open.pk, young.pk, waiting.pk}


def test_callbacks_are_deleted_in_batches_until_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is for the next message; a worker that must end stops between two batches."""
    monkeypatch.setattr(pruning, "BATCH", 10)
    Callback.objects.bulk_create(
        Callback(account="sandbox", body=b"{}", digest=str(number), outcome=Callback.Outcome.MALFORMED)
        for number in range(25)
    )
    Callback.objects.update(received_at=Now() - timedelta(days=400))

    assert prune_callbacks(0)
    assert Callback.objects.count() == 25
    ending.set()
    assert prune_callbacks(10)
    assert Callback.objects.count() == 25
    ending.clear()
    assert not prune_callbacks(10)
    assert not Callback.objects.exists()


# --- late money ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["cancel", "decline", "expire"])
def test_late_success_is_found_through_a_callback(shop: Shop, action: str) -> None:
    """A payment that has ended has no appointment any more: the callback is the reason to ask once more."""
    _, payment = ended(shop, action)
    shop.sandbox.force(payment.provider_ref, "succeeded")

    post(shop.callback(payment))
    callbacks.process_due()

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
    """Without an answer the callback keeps the question open, ever more seldom, until there is one."""
    _, payment = ended(shop, "cancel")
    shop.sandbox.force(payment.provider_ref, "succeeded")
    shop.sandbox.outage(kind, 600)
    post(shop.callback(payment))
    waits = []
    for errors in (1, 2, 3):
        assert callbacks.process_due() == 1
        stored = Callback.objects.get()
        assert (stored.outcome, stored.errors) == (Callback.Outcome.WAITING, errors)
        assert stored.process_after is not None
        waits.append(round((stored.process_after - database_now()).total_seconds()))
        assert callbacks.process_due() == 0
        Callback.objects.update(process_after=Now())
    assert waits == [5, 10, 20]

    shop.sandbox.end_outage()
    callbacks.process_due()

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

    assert callbacks.process_due() == 1


def test_a_callback_whose_worker_died_is_processed_after_its_lease(shop: Shop) -> None:
    """Until then nobody else touches it."""
    _, payment = shop.order()
    post(shop.callback(payment))
    stored = Callback.objects.get()
    assert callbacks.CALLBACKS.claim_one(stored.pk)
    callbacks.process_due()
    assert shop.fresh(stored).outcome == Callback.Outcome.WAITING

    Callback.objects.update(process_after=F("process_after") - callbacks.CALLBACKS.lease)
    callbacks.process_due()

    assert shop.fresh(stored).outcome == Callback.Outcome.LOOKED


def ended(shop: Shop, action: str) -> tuple[Order, Payment]:
    """An order and its payment, which came to nothing."""
    order, payment = shop.order()
    if action == "expire":
        shop.let_time_pass(3_700)
        shop.sweep()
    else:
        shop.buyer(payment, action)
        shop.sweep_now(payment)
    payment = shop.fresh(payment)
    assert not payment.is_open
    return order, payment
