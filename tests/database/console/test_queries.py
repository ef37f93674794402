"""The answers about the shop that operators ask for."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from actors.operations.queries import payments, work
from actors.operations.queries.mail import mail as mail_page
from actors.operations.queries.payment_search import Chosen
from actors.shop import SHOP
from billing.limits import breaker
from billing.models import Attention, Payment
from commerce.admin.notifications import SEND_AGAIN
from commerce.models import DailyReport
from tests.backstage import report_mail
from tests.shop import Shop


def test_every_kind_of_work_tells_its_lag(shop: Shop) -> None:
    """How late the oldest due row is, and how many there are."""
    _, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(next_check_at=timezone.now() - timedelta(seconds=90))

    told = {backlog.name: backlog for backlog in work.backlogs()}

    assert list(told) == ["payment", *(kind.name for kind in SHOP.kinds if kind.name != "payment")]
    assert (told["payment"].due, round(told["payment"].lag_s, -1)) == (1, 90)
    assert told["payment"].is_late
    kind = work.kind_of_work("payment")
    assert kind is not None
    assert [row.text for row in kind.rows] == [str(shop.fresh(payment))]


@pytest.mark.django_db
def test_a_mail_about_a_report_is_named_by_its_day() -> None:
    """Where it waits, where it was given up, and where it is asked whether to send it again."""
    report = DailyReport.objects.create(day=date(2026, 11, 28), numbers={}, built_at=timezone.now())
    given_up = report_mail(report, "manager@example.com", "given_up", "recipient refused 550")

    [lost] = mail_page().lost
    assert (lost.title, lost.recipient, lost.error) == (str(report), "manager@example.com", "recipient refused 550")
    subject = SEND_AGAIN.subject(str(given_up.pk))
    assert subject is not None
    assert subject.name == "report of 2026-11-28 → manager@example.com: recipient refused 550"


def test_open_payments_are_counted_by_track(shop: Shop) -> None:
    """Young ones, whose customers wait, and the others."""
    shop.order()
    _, old = shop.order()
    Payment.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=1))
    shop.paid()

    found = payments.payments(Chosen("newest"))

    assert [(track.fast, track.slow) for track in found.tracks] == [(1, 1)]
    assert len(found.rows) == 3
    assert sum(slot.counts.get("succeeded", 0) for slot in found.slots) == 1


@pytest.mark.parametrize(
    ("which", "found"), [("attention", 1), ("due", 1), ("open", 2), ("newest", 3), ("nonsense", 3)]
)
def test_payments_are_listed_as_wanted(shop: Shop, which: str, found: int) -> None:
    """Each list from an index of its own."""
    shop.paid()
    _, due = shop.order()
    _, parked = shop.order()
    Payment.objects.filter(pk=due.pk).update(next_check_at=timezone.now() - timedelta(seconds=5))
    Payment.objects.filter(pk=parked.pk).update(attention=Attention.REFUSED)

    assert len(payments.payments(Chosen(which)).rows) == found
    assert len(payments.payments(Chosen(which, account="sandbox")).rows) == found
    assert payments.payments(Chosen(which, word=due.reference)).rows[0].pk == due.pk


def standing(payment: Payment) -> str:
    """Why it is where it is, in one text."""
    found = payments.one_payment(payment.pk)
    assert found is not None
    return " ".join(found.standing)


def test_why_a_payment_is_where_it_is(shop: Shop) -> None:
    """Whatever holds it up is said, the decisive thing first."""
    _, payment = shop.order()
    assert "The provider is ready; the customer has not paid yet." in standing(payment)
    assert "The next check is in" in standing(payment)

    breaker.open_by_hand("sandbox", "olga", "they asked us to")
    Payment.objects.filter(pk=payment.pk).update(
        attention=Attention.MISMATCH, attention_note="4.00 EUR came", errors=2, next_check_at=timezone.now()
    )
    told = standing(payment)
    assert told.startswith("An operator must act: 4.00 EUR came.")
    for words in ("olga holds the breaker of sandbox open", "The last 2 checks got no usable answer"):
        assert words in told
    assert "no worker has claimed it yet" not in told  # nobody does, until it is closed

    breaker.close_by_hand("sandbox", "olga", "over")
    assert "no worker has claimed it yet" in standing(payment)
    Payment.objects.filter(pk=payment.pk).update(claims=1, next_check_at=timezone.now() + timedelta(seconds=30))
    assert "A worker is checking it" in standing(payment)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "created", "next_check_at": timezone.now() - timedelta(hours=2)},
        {"status": "authorized", "claims": 1},
        {"cancel_asked_at": timezone.now() - timedelta(days=2), "errors": 3},
        {"window_ends_at": timezone.now() - timedelta(minutes=2), "attention": "errors", "attention_note": "–"},
        {"received_minor": 400, "received_currency": "EUR"},
    ],
)
def test_why_is_told_in_russian(shop: Shop, changes: dict[str, Any]) -> None:
    """Every sentence, with its lengths of time."""
    _, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(**changes)

    with translation.override("ru"):
        assert not re.search(r"[a-z]", standing(payment))


def test_whoever_paid_something_else_has_paid(shop: Shop) -> None:
    """What came is said, and nobody waits for the customer."""
    _, payment = shop.order()
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": "4.00", "currency": "EUR"})
    shop.look(payment)

    told = standing(payment)

    assert "€4.00 came instead of €4.50: it stays open until an operator has decided." in told
    assert "the customer has not paid yet" not in told


def test_why_a_payment_ended(shop: Shop) -> None:
    """Who found out, and what became of it; with the ways out that make sense, and the whole story."""
    order, payment = shop.paid()
    found = payments.one_payment(payment.pk)

    assert found is not None
    assert "It has ended: succeeded, found by " in standing(payment)
    assert [way.title for way in found.resolutions] == ["Check now", "Refund"]
    assert len(found.timeline) >= 4
    assert found.order == order
