"""A look that brings no answer, or a no: what that decides, which is next to nothing."""

from datetime import timedelta

import pytest
from django.db.models import Q
from pytest_django.fixtures import Settings

from billing.attention import park
from billing.errors import BadAnswer, ProviderError, Refused, Unavailable
from billing.models import AskedBy, Attention, Payment
from billing.payments import sweep
from billing.payments.check import CHECK_QUEUE, CheckResult, record
from billing.states import Status
from config.due.metrics import OUTCOMES_TOTAL
from config.due.queue import database_now
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough


def no_answer(shop: Shop, payment: Payment, error: ProviderError) -> None:
    """Looked at once more, and this is what comes of it."""
    CHECK_QUEUE.make_due(Q(pk=payment.pk), AskedBy.CALLBACK)
    claimed = CHECK_QUEUE.claim_one(payment.pk) or shop.fresh(payment)
    claimed.due_since = database_now()
    record([CheckResult(claimed, error, database_now())])


def test_nobody_is_called_to_a_payment_that_never_began(shop: Shop) -> None:
    """A provider that would not have us, and then a definite no: it has failed, and there is nothing to look at."""
    shop.sandbox.fault("create", "unauthorized", times=1)
    _, payment = shop.order()
    assert (payment.attention, payment.attention_note == "") == (Attention.REFUSED, False)
    Payment.objects.filter(pk=payment.pk).update(currency="eur")  # which the provider does not take

    payment = shop.look(payment)

    assert (payment.status, payment.attention, payment.attention_note) == (Status.FAILED, "", "")


def test_no_answer_about_money_that_has_come_changes_nothing(shop: Shop) -> None:
    """It is ours already."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    paid = shop.look(payment)

    no_answer(shop, paid, Unavailable("HTTP 502"))

    again = shop.fresh(paid)
    assert (again.status, again.errors, again.attention, again.ended_at) == (Status.SUCCEEDED, 0, "", paid.ended_at)


def test_a_definite_no_decides_only_about_what_never_began(shop: Shop) -> None:
    """Said of a payment that the provider knows it calls for a person; of one that has ended it says nothing."""
    (_, known), (_, ended) = (shop.order(shop.product(slug, stock=3)) for slug in ("espresso", "mocha"))
    shop.buyer(ended, "cancel")
    shop.look(ended)

    for payment in (known, ended):
        no_answer(shop, payment, Refused("HTTP 422 no"))

    known, ended = shop.fresh(known), shop.fresh(ended)
    assert (known.status, known.attention, known.errors) == (Status.PENDING, Attention.REFUSED, 1)
    assert (ended.status, ended.attention, ended.errors) == (Status.CANCELED, "", 0)


def test_the_reason_of_a_no_is_kept_as_far_as_there_is_room(shop: Shop) -> None:
    """PostgreSQL would refuse the whole row for a letter too many."""
    shop.sandbox.fault("create", "reset", times=1)
    _, payment = shop.order()

    no_answer(shop, payment, Refused("x" * 300))

    payment = shop.fresh(payment)
    assert (payment.status, payment.reason) == (Status.FAILED, "x" * 200)


def called() -> float:
    """How often a person was called to a payment, by the metrics."""
    [series] = OUTCOMES_TOTAL.labels("payment", "attention").collect()
    return next(sample.value for sample in series.samples if sample.name.endswith("_total"))


def test_a_person_is_called_once_for_each_reason(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """The row says it all the time, with the newest note; the log and the metrics only when it is new."""
    before = called()
    _, payment = shop.order()

    no_answer(shop, payment, Refused("no"))
    assert (caplog.messages.count("payment.attention"), called()) == (1, before + 1)
    no_answer(shop, payment, Refused("no, again"))

    assert (caplog.messages.count("payment.attention"), called()) == (1, before + 1)
    assert shop.fresh(payment).attention_note == "no, again"
    no_answer(shop, payment, Refused("x" * 300))
    assert shop.fresh(payment).attention_note == "x" * 200


def test_a_person_is_called_after_so_many_errors_in_a_row(shop: Shop, settings: Settings) -> None:
    """At the last that is allowed, not before it and not after it."""
    settings.PAYMENT_ATTEMPTS_LIMIT = 3
    _, payment = shop.order()

    told = []
    for number in range(4):
        no_answer(shop, payment, BadAnswer(f"not JSON {number}"))
        payment = shop.fresh(payment)
        told.append((payment.errors, payment.attention, payment.attention_note))

    assert told == [(1, "", ""), (2, "", ""), (3, Attention.ERRORS, "not JSON 2"), (4, Attention.ERRORS, "not JSON 3")]


def test_what_took_its_workers_with_it_is_left_alone_for_long(shop: Shop, settings: Settings) -> None:
    """The claims stay counted, so that only an answer makes it an ordinary payment again."""
    _, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(claims=3, next_check_at=database_now())
    claimed = CHECK_QUEUE.claim_one(payment.pk)
    assert claimed is not None

    park(CHECK_QUEUE, claimed)

    payment = shop.fresh(payment)
    assert payment.next_check_at is not None
    wait = payment.next_check_at - database_now()
    assert timedelta(0) <= timedelta(seconds=settings.ATTENTION_INTERVAL_S) - wait < timedelta(seconds=30)
    assert (payment.attention, payment.attention_note) == (Attention.WORKERS_LOST, "3 workers were lost")
    assert (payment.claims, payment.status) == (4, Status.PENDING)
    assert not sweep.check_one(payment.pk)
