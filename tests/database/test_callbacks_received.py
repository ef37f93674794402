"""Callbacks received: stored before anything in them is believed, and answered at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from billing.models import AskedBy, Callback
from billing.states import Status
from commerce.models import OrderStatus
from config.due.queue import database_now
from tests.callbacks import ADDRESS, post, rolled_back
from tests.shop import SECRET, Shop, signed
from tests.threads import at_once


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


# --- stored ----------------------------------------------------------------------------------------------------------


def test_a_callback_is_stored_before_anything_else(shop: Shop) -> None:
    """It waits in the database, byte for byte; the provider has its answer before anybody has looked."""
    _, payment = shop.order()
    asked = shop.questions(payment)
    body = shop.callback(payment)

    assert post(body) == 200

    stored = Callback.objects.get()
    assert (bytes(stored.body), stored.account, stored.outcome) == (body, "sandbox", Callback.Outcome.WAITING)
    assert stored.process_after is not None
    assert stored.process_after <= database_now()
    assert shop.questions(payment) == asked


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS.rstrip("/")])
@pytest.mark.parametrize(
    ("secret", "status", "outcome"),
    [(SECRET, 200, Callback.Outcome.WAITING), ("another", 400, Callback.Outcome.FORGED)],
)
def test_an_address_without_its_slash_is_the_same_address(
    shop: Shop, address: str, secret: str, status: int, outcome: Callback.Outcome
) -> None:
    """It is easily forgotten where the provider is told it; a redirect would lose the body."""
    _, payment = shop.order()
    body = shop.callback(payment)

    assert post(body, address, secret) == status

    stored = Callback.objects.get()
    assert (bytes(stored.body), stored.account, stored.outcome) == (body, "sandbox", outcome)


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
    asked = shop.questions(payment)

    post(shop.callback(payment))
    shop.sweep()

    assert shop.questions(payment) == asked
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
@pytest.mark.parametrize("address", [ADDRESS, ADDRESS.rstrip("/")])
@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch", "options"])
def test_only_posts_are_callbacks(method: str, address: str) -> None:
    """Everything else is the wrong method."""
    assert getattr(Client(), method)(address).status_code == 405
    assert not Callback.objects.exists()


@rolled_back
@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize("account", ["nobody", "Sandbox", "sandbox2", "base"])
def test_an_account_nobody_knows_is_not_found(account: str, slash: str) -> None:
    """Nothing is stored for it, or anybody could fill the disk under any name."""
    assert post(b'{"a": 1}', f"/callbacks/{account}{slash}") == 404
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
    asked = shop.questions(payment)

    assert post(shop.callback(payment), secret="of somebody else") == 400
    shop.sweep()

    stored = Callback.objects.get()
    assert (stored.outcome, stored.process_after, stored.sender) == (Callback.Outcome.FORGED, None, "127.0.0.1")
    assert shop.questions(payment) == asked


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
