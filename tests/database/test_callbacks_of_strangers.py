"""Callbacks that anyone can post: they do not fill the disk or the log, and keep no true callback out."""

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from django.db import connection
from django.db.models import F
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings
from pytest_django.live_server_helper import LiveServer

from billing.callbacks import inbox, strangers
from billing.models import AskedBy, Callback, Payment
from billing.providers import provider_of
from billing.states import Status
from tests.callbacks import ADDRESS, post
from tests.conformance.cases.yookassa import YooKassaCase
from tests.metrics import Counted
from tests.shop import Shop, signed
from tests.stack.ports import HANG_S

LONG = 65_000
"""Bytes, just below what a callback may have."""


def padded(body: bytes, number: int = 0) -> bytes:
    """The same callback with a long tail, another one for each number."""
    return body.ljust(LONG) + b" " * number


def stored_bytes() -> int:
    """All bodies together."""
    return sum(len(callback.body) for callback in Callback.objects.all())


def table_bytes() -> int:
    """With indexes and long values; SQLite has one file for all tables, so there it is the bodies alone."""
    if connection.vendor == "sqlite":
        return stored_bytes()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('billing_callback')")
        size: int = cursor.fetchone()[0]
    return size


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """What one test wrote into the log is no reason to leave out a line of another, nor is its account full."""
    strangers._lines.clear()
    yield
    strangers._full_until.clear()


@pytest.fixture
def unsigned(settings: Settings) -> Iterator[YooKassaCase]:
    """A provider that signs nothing, beside the sandbox."""
    with YooKassaCase() as case:
        settings.PAYMENT_ACCOUNTS = settings.PAYMENT_ACCOUNTS | {"yookassa": case.options()}
        yield case
        provider_of.cache_clear()


def post_unsigned(body: bytes) -> int:
    return Client().post("/callbacks/yookassa/", data=body, content_type="application/json").status_code


def about(ref: str, number: int = 0) -> bytes:
    """What this provider would post about a payment; another one for each number."""
    return b'{"type": "notification", "event": "payment.succeeded", "object": {"id": "%s"}}' % ref.encode() + (
        b" " * number
    )


def unsigned_payment(shop: Shop) -> Payment:
    """One that the provider without signatures knows."""
    _, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(
        account="yookassa", next_check_at=F("next_check_at") + timedelta(days=1)
    )
    return shop.fresh(payment)


# --- forged ----------------------------------------------------------------------------------------------------------


@pytest.mark.postgres_too
def test_forged_callbacks_do_not_fill_the_disk(shop: Shop, live_server: LiveServer, counted: Counted) -> None:
    """A hundred of 65 kB took 6.9 MB. More of them are answered the same, counted, and not stored."""
    before = table_bytes()
    with requests.Session() as stranger:
        answers = [
            stranger.post(live_server.url + ADDRESS, data=f"{number} ".encode().ljust(LONG, b"x"), timeout=60)
            for number in range(strangers.KEPT_PER_DAY + 20)
        ]

    assert {(answer.status_code, answer.text) for answer in answers} == {(400, "The signature does not match.")}
    assert Callback.objects.count() == strangers.KEPT_PER_DAY
    assert stored_bytes() <= strangers.KEPT_PER_DAY * strangers.KEPT_BYTES
    assert table_bytes() - before < 1_000_000
    assert counted("tillkeeper_callbacks_total", result="not_stored") == 20


def test_a_flood_of_forged_ones_asks_the_database_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Once there is no room, for some seconds; a forged one that was stored is no exception. Then it asks again."""
    monkeypatch.setattr(strangers, "KEPT_PER_DAY", 2)
    monkeypatch.setattr(strangers, "FULL_FOR_S", HANG_S)
    _, payment = shop.order()
    bodies = [padded(shop.callback(payment), number) for number in range(3)]
    assert [post(body, secret="wrong") for body in bodies] == [400, 400, 400]

    with django_assert_num_queries(0):
        assert [post(body, secret="wrong") for body in bodies] == [400, 400, 400]
    assert post(bodies[0]) == 200

    Callback.objects.all().delete()
    strangers._full_until["sandbox"] -= strangers.FULL_FOR_S
    post(bodies[1], secret="wrong")
    assert Callback.objects.get().outcome == Callback.Outcome.FORGED


@pytest.mark.parametrize("are_many", [False, True])
def test_a_long_callback_that_was_refused_counts_when_its_signature_fits(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, are_many: bool
) -> None:
    """Our secret was wrong, and was put right. The repeat brings the whole body, whether it was cut or not stored."""
    monkeypatch.setattr(strangers, "KEPT_PER_DAY", 0 if are_many else 100)
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    body = padded(shop.callback(payment))
    assert post(body, secret="wrong") == 400
    assert [len(each.body) for each in Callback.objects.all()] == ([] if are_many else [strangers.KEPT_BYTES])

    assert post(body) == 200
    shop.sweep()

    stored = Callback.objects.get()
    assert (bytes(stored.body), stored.outcome, stored.is_proven) == (body, Callback.Outcome.LOOKED, True)
    assert shop.fresh(payment).found_by == AskedBy.CALLBACK


def test_a_cut_callback_that_an_operator_had_processed_still_counts_later(shop: Shop) -> None:
    """What is left of it cannot be read; the provider's repeat can."""
    _, payment = shop.order()
    body = padded(shop.callback(payment)[:-1]) + b"}"
    post(body, secret="wrong")
    inbox.replay(Callback.objects.get().pk, "olga")
    shop.sweep()
    assert Callback.objects.get().outcome == Callback.Outcome.MALFORMED

    assert post(body) == 200
    shop.sweep()
    assert Callback.objects.get().outcome == Callback.Outcome.LOOKED


def test_a_flood_of_forged_ones_leaves_true_ones_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are stored whole, processed and kept, before the flood and after it."""
    monkeypatch.setattr(strangers, "KEPT_PER_DAY", 3)
    _, payment = shop.order()
    bodies = [padded(shop.callback(payment, event)) for event in ("payment.pending", "payment.succeeded")]
    post(bodies[0])
    for number in range(6):
        post(b"%d" % number, secret="wrong")
    post(bodies[1])
    shop.sweep()

    assert [bytes(each.body) for each in Callback.objects.filter(is_proven=True).order_by("pk")] == bodies
    assert Callback.objects.filter(outcome=Callback.Outcome.FORGED).count() == 3


def test_repeats_are_not_counted_without_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each count is a new version of the row for the database to clean up."""
    monkeypatch.setattr(inbox, "REPEATS_COUNTED", 3)
    for _ in range(8):
        post(b"forged", secret="wrong")
    assert Callback.objects.get().repeats == 3


def test_the_log_has_one_line_for_many(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """And the next line says how many were left out."""
    caplog.set_level(logging.WARNING)
    for number in range(50):
        post(b"%d" % number, secret="wrong")
    strangers._lines[("callback.forged", "sandbox")] = (-strangers.LINE_EVERY_S, 49)
    post(b"later", secret="wrong")

    lines = [record for record in caplog.records if record.message == "callback.forged"]
    assert [line.__dict__["left_out"] for line in lines] == [0, 49]


def test_an_account_has_its_own_room(shop: Shop, unsigned: YooKassaCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood at one address does not hide what comes to another."""
    monkeypatch.setattr(strangers, "KEPT_PER_DAY", 1)
    assert [post(b"%d" % number, secret="wrong") for number in range(2)] == [400, 400]
    assert post_unsigned(about("unknown")) == 200
    assert Callback.objects.count() == 2


# --- without a signature ---------------------------------------------------------------------------------------------


def test_callbacks_about_nothing_are_bounded_too(
    shop: Shop, unsigned: YooKassaCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can tell whose they are. What is left when they are processed is short."""
    monkeypatch.setattr(strangers, "KEPT_PER_DAY", 5)
    monkeypatch.setattr(inbox, "UNKNOWN_PAYMENT_WAIT", ())
    assert {post_unsigned(padded(about("unknown"), number)) for number in range(9)} == {200}
    assert {post_unsigned(b"no callback" + b" " * number) for number in range(9)} == {400}
    shop.sweep()

    assert Callback.objects.count() == 5
    assert stored_bytes() == 5 * strangers.KEPT_BYTES
    assert {each.outcome for each in Callback.objects.all()} == {Callback.Outcome.UNKNOWN_PAYMENT}


def test_a_known_payment_is_no_way_around_the_bound(
    shop: Shop, unsigned: YooKassaCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Customers know the ids of their own payments. Beyond the bound a callback still makes its payment due."""
    monkeypatch.setattr(strangers, "KEPT_PER_PAYMENT", 3)
    payment = unsigned_payment(shop)
    for number in range(6):
        assert post_unsigned(padded(about(payment.provider_ref), number)) == 200
        inbox.process_due()
        Payment.objects.update(asked_by="")
    assert Callback.objects.count() == 3
    assert stored_bytes() == 3 * strangers.KEPT_BYTES

    assert post_unsigned(about(payment.provider_ref, 7)) == 200
    assert shop.fresh(payment).asked_by == AskedBy.CALLBACK


def test_true_callbacks_work_while_strangers_have_used_all_room(
    shop: Shop, unsigned: YooKassaCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is stored any more, and the payment is checked all the same."""
    monkeypatch.setattr(strangers, "KEPT_PER_DAY", 2)
    payment = unsigned_payment(shop)
    for number in range(4):
        post_unsigned(about("unknown", number))

    assert post_unsigned(about(payment.provider_ref)) == 200
    assert Callback.objects.count() == 2
    assert shop.fresh(payment).asked_by == AskedBy.CALLBACK


def test_a_network_that_is_the_providers_is_proof(
    shop: Shop, unsigned: YooKassaCase, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nothing is cut or left out."""
    monkeypatch.setattr(strangers, "KEPT_PER_DAY", 0)
    settings.PAYMENT_ACCOUNTS["yookassa"]["callback_networks"] = "127.0.0.0/8"
    provider_of.cache_clear()
    assert post_unsigned(padded(about("unknown"))) == 200
    assert (Callback.objects.get().is_proven, stored_bytes()) == (True, LONG)


# --- pruned ----------------------------------------------------------------------------------------------------------


def test_what_strangers_left_goes_after_a_week(shop: Shop) -> None:
    """True callbacks stay for CALLBACK_RETENTION_DAYS, those that are still to be processed too."""
    _, payment = shop.order()
    post(shop.callback(payment))
    shop.sweep()
    post(b"forged", secret="wrong")
    post(b"forged lately", secret="wrong")
    waiting = Callback.objects.create(
        account="sandbox", body=b"{}", digest="d", is_proven=False, process_after=payment.window_ends_at
    )
    Callback.objects.exclude(body=b"forged lately").update(received_at=F("received_at") - strangers.KEPT)

    inbox.prune_callbacks(10)

    left = {each.pk: each.outcome for each in Callback.objects.all()}
    assert left.pop(waiting.pk) == Callback.Outcome.WAITING
    assert sorted(left.values()) == [Callback.Outcome.FORGED, Callback.Outcome.LOOKED]
    assert shop.fresh(payment).status == Status.PENDING


def test_a_signed_callback_about_an_unknown_payment_is_the_providers_own(shop: Shop) -> None:
    """Another system may share the account: it is kept whole, and may be processed again when the payment is known."""
    body = padded(b'{"type": "t", "payment": {"id": "unknown", "reference": "r"}}')
    inbox.receive("sandbox", signed(body))
    assert (Callback.objects.get().is_proven, stored_bytes()) == (True, LONG)
