"""A decision about much money is done by two people; attacked by one who wants to do it alone."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from billing import four_eyes
from billing.actions import OF_PAYMENTS, REFUND
from billing.models import Attention, Payment, Proposal, Refund
from billing.money import Money
from billing.states import Status
from commerce.admin.resolutions import REFUND_ORDER
from config.actions import Action, ActionRefused, do_one
from config.cli.command import SomethingLeft
from config.due.queue import database_now
from tests.database.test_actions import FACES, SUBJECTS
from tests.people import logged_in
from tests.shop import Shop
from tests.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

MAY = ("view_payment", "view_proposal", "add_refund", "decide_payment")
MONEY = {
    "order accept", "order give-back", "order refund", "order cancel-paid", "payment refund", "payment accept",
    "payment give-back", "payment close", "payment confirm", "payment note-difference", "refund give-up",
    "refund confirm", "refund note-returned",
}  # fmt: skip
"""Decisions about money. What is not one needs no second person: a new action is written here, or it is none."""


@pytest.fixture(autouse=True)
def limit(settings: Settings) -> None:
    """One person decides about 2 EUR alone."""
    settings.MONEY_DECISION_LIMIT = {"EUR": Decimal(2)}


@pytest.fixture
def olga() -> Client:
    return logged_in(Client(), *MAY, name="olga")


@pytest.fixture
def sam() -> Client:
    return logged_in(Client(), *MAY, name="sam")


def refund(client: Client, payment: Payment, amount: str, key: str = "e" * 32) -> Any:
    """Send the form of a refund."""
    address = reverse("admin:billing_payment_action", args=[payment.pk, "refund"])
    return client.post(address, {"amount": amount, "why": "broken", "key": key}, follow=True)


def decide(client: Client, name: str) -> Any:
    """Approve or decline the only proposal."""
    address = reverse("admin:billing_proposal_action", args=[Proposal.objects.get().pk, name])
    return client.post(address, {"confirmed": "yes", "why": "because"})


def history() -> list[tuple[str, str, str]]:
    """Who did what to what, as the history has it."""
    entries = LogEntry.objects.select_related("user", "content_type").order_by("pk")
    return [(entry.user.username, entry.content_type.model, entry.change_message) for entry in entries]  # type: ignore[union-attr]


def test_two_people_give_much_money_back(shop: Shop, olga: Client, sam: Client) -> None:
    """The first click changes nothing but the proposal; the refund has both names and the first form's key."""
    _, payment = shop.paid()

    answer = refund(olga, payment, "2.01")
    assert "Nothing was done yet: €2.01 is above the limit" in answer.content.decode()
    assert (Refund.objects.count(), shop.fresh(payment).refunds_minor) == (0, 0)

    question = reverse("admin:billing_proposal_action", args=[Proposal.objects.get().pk, "approve"])
    assert "broken" in sam.get(question).content.decode()
    assert decide(sam, "approve").status_code == 302

    row = Refund.objects.get()
    assert (row.amount_minor, row.wanted_by, row.why, row.idempotency_key) == (201, "olga, sam", "broken", "e" * 32)
    proposal = Proposal.objects.get()
    assert (proposal.state, proposal.asked_by, proposal.decided_by) == ("approved", "olga", "sam")
    assert history() == [
        ("olga", "payment", "Proposed to a second person: broken"),
        ("sam", "payment", "Approved as the second person."),
    ]


def test_a_small_refund_needs_one_person(shop: Shop, olga: Client) -> None:
    """The limit itself is small."""
    refund(olga, shop.paid()[1], "2.00")
    assert (Refund.objects.count(), Proposal.objects.count()) == (1, 0)


def test_many_small_refunds_are_one_large_one(shop: Shop, olga: Client) -> None:
    """The second half of a sum above the limit waits, no matter in how many parts it is asked for."""
    _, payment = shop.paid()
    for number, amount in enumerate(("1.00", "0.99", "0.02")):
        refund(olga, payment, amount, key=f"{number}" * 32)

    assert (shop.fresh(payment).refunds_minor, Proposal.objects.get().amount_minor) == (199, 201)


def test_a_small_sum_for_a_large_order_is_a_large_decision(shop: Shop, olga: Client) -> None:
    """What is accepted is the order, not the cent that came."""
    _, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(
        received_minor=1, received_currency="EUR", attention=Attention.MISMATCH, provider_ref="x"
    )
    olga.post(reverse("admin:billing_payment_action", args=[payment.pk, "accept"]), {"why": "please"})
    assert (shop.fresh(payment).status, Proposal.objects.get().action) == (Status.PENDING, "accept")


def test_nobody_approves_their_own(shop: Shop, olga: Client) -> None:
    """Not under another name either, nor as the system user of that name."""
    _, payment = shop.paid()
    refund(olga, payment, "4.00")
    assert "your own" in decide(olga, "approve").content.decode()
    User.objects.filter(username="olga").update(username="helga")
    assert "your own" in decide(olga, "approve").content.decode()
    with pytest.raises(ActionRefused, match="your own"):
        four_eyes.approve(Proposal.objects.get().pk, "Olga")
    assert (Refund.objects.count(), Proposal.objects.get().state) == (0, "waiting")


def test_the_second_person_needs_the_permission_for_the_deed(shop: Shop, olga: Client) -> None:
    """To see proposals is not enough; the button is not shown either."""
    refund(olga, shop.paid()[1], "4.00")
    bob = logged_in(Client(), "view_proposal", "decide_payment", name="bob")

    assert decide(bob, "approve").status_code == decide(bob, "decline").status_code == 403
    page = reverse("admin:billing_proposal_change", args=[Proposal.objects.get().pk])
    assert "/approve/" not in bob.get(page).content.decode()
    assert "/approve/" in olga.get(page).content.decode()


def test_a_proposal_is_declined_or_withdrawn_with_a_reason(shop: Shop, olga: Client) -> None:
    """It is not done, and another one may follow."""
    _, payment = shop.paid()
    refund(olga, payment, "4.00")
    assert decide(olga, "decline").status_code == 302
    assert (Proposal.objects.get().state, Proposal.objects.get().decided_why) == ("declined", "because")
    refund(olga, payment, "3.00", key="a" * 32)
    assert [row.state for row in Proposal.objects.order_by("pk")] == ["declined", "waiting"]


def test_an_approval_judges_the_money_as_it_is_then(shop: Shop, olga: Client, sam: Client) -> None:
    """What was given back meanwhile is not given back again; the proposal waits on, and the page says why."""
    _, payment = shop.paid()
    refund(olga, payment, "4.00")
    shop.refund(payment, "1.00")

    answer = decide(sam, "approve")

    assert answer.status_code == 409
    assert "It can no longer be done: At most €3.50" in answer.content.decode()
    assert (Refund.objects.count(), Proposal.objects.get().state) == (1, "waiting")
    assert len(history()) == 1


def test_a_second_click_is_the_same_proposal(shop: Shop, olga: Client, sam: Client) -> None:
    """Also after it was approved: the form's key is used up."""
    _, payment = shop.paid()
    for _ in range(2):
        refund(olga, payment, "4.00")
    assert (Proposal.objects.count(), len(history())) == (1, 1)
    decide(sam, "approve")
    assert "used already" in refund(olga, payment, "4.00").content.decode()
    assert (Proposal.objects.count(), Refund.objects.count()) == (1, 1)


def test_one_subject_has_one_proposal(shop: Shop, olga: Client, sam: Client) -> None:
    """A second one would be judged by facts that the first one changes."""
    _, payment = shop.paid()
    refund(olga, payment, "4.00")
    assert "must be decided first" in refund(sam, payment, "3.00", key="b" * 32).content.decode()
    assert Proposal.objects.count() == 1


def test_an_approval_is_given_once(shop: Shop, olga: Client, sam: Client) -> None:
    """A second approval finds it decided."""
    refund(olga, shop.paid()[1], "4.00")
    assert [decide(sam, "approve").status_code for _ in range(2)] == [302, 409]
    assert Refund.objects.count() == 1


def test_an_old_proposal_expires(shop: Shop, olga: Client, sam: Client) -> None:
    """The facts were looked at too long ago; it makes room for a new one."""
    _, payment = shop.paid()
    refund(olga, payment, "4.00")
    Proposal.objects.update(asked_at=database_now() - Proposal.LASTS - timedelta(seconds=1))
    assert "older than a week" in decide(sam, "approve").content.decode()
    refund(olga, payment, "3.00", key="a" * 32)
    assert [row.state for row in Proposal.objects.order_by("pk")] == ["expired", "waiting"]


def test_another_currency_needs_a_second_person(settings: Settings) -> None:
    """A limit that was forgotten is not a hole; without any limit, one person decides."""
    assert four_eyes.is_above_limit(Money(1, "USD"))
    assert not four_eyes.is_above_limit(Money(200, "EUR"))
    settings.MONEY_DECISION_LIMIT = {}
    assert not four_eyes.is_above_limit(Money(10**9, "USD"))


def test_the_command_line_passes_the_gate_too(shop: Shop) -> None:
    """The system user is one person, and needs another one."""
    _, payment = shop.paid()
    do_one(REFUND, REFUND.about(payment), "root", amount=Money(400, "EUR"), why="broken", key="c" * 32)
    assert (Refund.objects.count(), Proposal.objects.get().asked_by) == (0, "root")


@pytest.mark.parametrize("face", [face for face in FACES if face.where == "page"], ids=str)
def test_each_decision_about_money_can_be_held(face: Any, settings: Settings) -> None:
    """All that are written above, and no others; one that is held changes nothing but the proposal."""
    settings.MONEY_DECISION_LIMIT = {"XXX": Decimal(0)}
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    made: Callable[[], str] = SUBJECTS[str(face)]
    key, before = made(), Proposal.objects.count()

    assert face.do(client, key).status_code == 302

    assert Proposal.objects.count() - before == (str(face) in MONEY)
    if str(face) in MONEY:
        proposal = Proposal.objects.latest("pk")
        assert (proposal.about, proposal.action) == (face.model._meta.label_lower, face.action.name)
        assert four_eyes.approve(proposal.pk, "ann")


def test_a_proposal_asks_for_a_person_everywhere(shop: Shop, olga: Client) -> None:
    """On the list of the command line, as a finding, and as a metric."""
    refund(olga, shop.paid()[1], "4.00")
    printed = StringIO()
    with pytest.raises(SomethingLeft, match="Need an operator: 1"):
        call_command("payments", "attention", stdout=printed)
    assert "Refund 4.00 EUR, proposed by olga" in printed.getvalue()
    assert "resolutions: Approve; Decline" in printed.getvalue()
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss"))
    assert "decisions for a second person" in boss.get(reverse("console:overview")).content.decode()
    assert 'tillkeeper_attention_rows{kind="proposal"} 1.0' in boss.get("/metrics").content.decode()


def test_an_action_is_found_again_by_its_name() -> None:
    """Two actions of one model with the same name would be mixed up."""
    assert len({action.name for action in OF_PAYMENTS}) == len(OF_PAYMENTS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres_too
def test_two_refunds_at_once_do_not_both_stay_below_the_limit(shop: Shop) -> None:
    """One on the payment's page, one on the order's: together they are above it."""
    order, payment = shop.paid()

    def give(action: Action, row: Any, key: str) -> Any:
        return do_one(action, action.about(row), "root", amount=Money(150, "EUR"), why="broken", key=key * 32)

    at_once(lambda: give(REFUND, payment, "a"), lambda: give(REFUND_ORDER, order, "b"))

    assert (Refund.objects.count(), Proposal.objects.count()) == (1, 1)
