"""What following a refund tells of it, and of the account that it is sent to."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models import Q
from pytest_django.fixtures import Settings

from billing.errors import ProviderError, Refused
from billing.limits import breaker
from billing.models import AskedBy, Attention, Breaker, Refund
from billing.providers.base import RefundSnapshot
from billing.providers.sandbox import Sandbox
from billing.refunds import follow
from billing.refunds.follow import REFUND_QUEUE
from billing.states import ForbiddenArrow, RefundStatus
from config.due.queue import database_now
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough


def found(shop: Shop, refund: Refund, outcome: RefundSnapshot | ProviderError) -> Refund:
    """Followed, and this is what comes of it."""
    REFUND_QUEUE.make_due(Q(pk=refund.pk), AskedBy.OPERATOR)
    claimed = REFUND_QUEUE.claim_one(refund.pk)
    assert claimed is not None
    follow._record(claimed, outcome)
    return shop.fresh(refund)


def test_an_outage_that_a_refund_meets_is_noted_of_the_account(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is sent there waits with it, and the refund keeps what it holds."""
    monkeypatch.setattr(breaker, "ERRORS_TO_OPEN", 1)
    _, payment = shop.paid()
    shop.sandbox.fault("refund", "status_500", times=1)

    refund = shop.follow(shop.refund(payment))

    assert breaker.of("sandbox").breaker == Breaker.OPEN
    assert (refund.status, refund.errors, shop.fresh(payment).refunds_minor) == (RefundStatus.CREATED, 0, 450)


def test_what_the_schedule_finds_of_a_refund_is_told_so(shop: Shop) -> None:
    """Nobody had asked."""
    _, payment = shop.paid()
    refund = shop.refund(payment)

    assert follow.follow_due("sandbox", 5) == 1

    event = refund.events.get()
    assert (event.target, event.found_by) == (RefundStatus.SUCCEEDED, AskedBy.SCHEDULE)


def test_a_good_answer_calls_nobody_any_more(shop: Shop) -> None:
    """Also where it is still on its way."""
    shop.sandbox.refunds_start_as("pending")
    _, payment = shop.paid()
    refund = shop.follow(shop.refund(payment))
    strange = RefundSnapshot(None, "levitating", refund.provider_ref, refund.amount)
    asked = found(shop, refund, strange)
    assert (asked.attention, asked.attention_note) == (
        Attention.UNKNOWN_STATUS,
        "the provider says 'levitating'",
    )

    good = found(shop, refund, replace(strange, status=RefundStatus.PENDING))

    assert (good.status, good.attention, good.attention_note) == (RefundStatus.PENDING, "", "")


def test_a_definite_no_fails_only_what_the_provider_has_no_id_for(shop: Shop) -> None:
    """Said of one that is on its way it calls for a person: the money may well arrive."""
    shop.sandbox.refunds_start_as("pending")
    (_, payment), (_, other) = shop.paid(), shop.paid()
    shop.refund(other, "3.00")
    known, unsent = shop.follow(shop.refund(payment, "1.00")), shop.refund(payment, "2.00")

    known, unsent = (found(shop, each, Refused("x" * 300)) for each in (known, unsent))

    assert (known.status, known.attention) == (RefundStatus.PENDING, Attention.REFUSED)
    assert (unsent.status, unsent.reason) == (RefundStatus.FAILED, "x" * 200)
    assert (shop.fresh(payment).refunds_minor, shop.fresh(other).refunds_minor) == (100, 300)


def test_what_is_not_repeated_any_more_is_looked_at_slowly(shop: Shop, settings: Settings) -> None:
    """Nothing is sent, and whoever holds it lets it go."""
    _, payment = shop.paid()
    refund = shop.refund(payment)
    long_ago = database_now() - Sandbox.key_kept - timedelta(seconds=1)
    Refund.objects.filter(pk=refund.pk).update(sent_at=long_ago)

    refund = shop.follow(refund)

    assert refund.next_check_at is not None
    wait = refund.next_check_at - database_now()
    assert timedelta(0) <= timedelta(seconds=settings.ATTENTION_INTERVAL_S) - wait < timedelta(seconds=30)
    assert (refund.status, refund.attention, refund.claims) == (RefundStatus.CREATED, Attention.KEY_FORGOTTEN, 0)


def test_a_refund_follows_arrows_and_nothing_else() -> None:
    """Not even in memory: whoever asks for more has a bug."""
    refund = Refund(status=RefundStatus.FAILED)

    with pytest.raises(ForbiddenArrow):
        refund.move(RefundStatus.SUCCEEDED)

    assert refund.status == RefundStatus.FAILED
