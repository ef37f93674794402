"""`manage.py payments …`: which there are, why one is where it is, look now, what waits for a person."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from billing.limits import breaker
from billing.management import check_now
from billing.models import Attention, Difference, Payment, Refund
from tests import backstage
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough


def command(*arguments: str) -> tuple[int, str, str]:
    """Its exit status, what it printed, and what it complained of."""
    printed, status, complaint = StringIO(), 0, ""
    try:
        call_command("payments", *arguments, stdout=printed)
    except CommandError as error:
        status, complaint = error.returncode, str(error)
    return status, printed.getvalue(), complaint


def told(*arguments: str) -> Any:
    """What a program reads."""
    return json.loads(command(*arguments, "--json")[1])


def needs_a_person(payment: Payment, note: str = "the provider has 1.00 EUR") -> None:
    """Somebody must look at it."""
    Payment.objects.filter(pk=payment.pk).update(attention=Attention.MISMATCH, attention_note=note)


# --- list ------------------------------------------------------------------------------------------------------------


def test_the_list_begins_with_the_newest(shop: Shop) -> None:
    """In aligned columns, under their names."""
    (_, first), (_, second) = shop.order(), shop.order()

    status, printed, _ = command("list")

    lines = printed.splitlines()
    assert status == 0
    assert [line.split()[0] for line in lines] == ["id", str(second.pk), str(first.pk)]
    assert {line.index("pending") for line in lines[1:]} == {lines[0].index("status")}


def test_an_empty_list_is_a_sentence() -> None:
    """And the status is 0: nothing was wrong."""
    assert command("list") == (0, "There is no such payment.\n", "")
    assert told("list") == []


def test_the_list_can_be_narrowed(shop: Shop) -> None:
    """By state, by account, and by how many."""
    (_, paid), (_, waiting) = shop.paid(), shop.order()

    assert [row["id"] for row in told("list", "--status", "succeeded")] == [paid.pk]
    assert [row["id"] for row in told("list", "--status", "pending", "--account", "sandbox")] == [waiting.pk]
    assert [row["id"] for row in told("list", "--limit", "1")] == [waiting.pk]


def test_what_is_due_comes_by_how_long_it_has_waited(shop: Shop) -> None:
    """Those with an appointment in the future are left out."""
    waits = {shop.order()[1].pk: seconds for seconds in (5, 60, -60)}
    for key, seconds in waits.items():
        Payment.objects.filter(pk=key).update(next_check_at=timezone.now() - timedelta(seconds=seconds))
    newer, older, _ = waits

    assert [row["id"] for row in told("list", "--due")] == [older, newer]
    assert "due for 1 min" in command("list", "--due")[1]


def test_the_old_ones_can_be_asked_for(shop: Shop) -> None:
    """By when they were begun."""
    _, old = shop.order()
    shop.let_time_pass(3_700)
    shop.order()

    assert [row["id"] for row in told("list", "--older-than", "1h")] == [old.pk]
    assert told("list", "--older-than", "3d") == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--older-than", "yesterday"], "write one like 90s, 15m, 2h or 3d"),
        (["--limit", "0"], "write a whole number from 1 to 100000"),
        (["--status", "lost"], "invalid choice: 'lost'"),
        (["--account", "piggybank"], "invalid choice: 'piggybank'"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(arguments: list[str], complaint: str) -> None:
    """With what to write instead."""
    status, printed, said = command("list", *arguments)

    assert (status != 0, printed) == (True, "")
    assert complaint in said


# --- show ------------------------------------------------------------------------------------------------------------


def test_a_payment_is_found_by_whatever_names_it(shop: Shop) -> None:
    """Its number, the order's id, the provider's id."""
    order, payment = shop.order()

    for word in (str(payment.pk), order.public_id, payment.provider_ref):
        assert told("show", word)["payment"]["id"] == payment.pk


def test_the_story_says_why_it_is_where_it_is(shop: Shop) -> None:
    """What has happened, and what has not."""
    _, payment = shop.order()

    status, printed, _ = command("show", str(payment.pk))

    assert status == 0
    assert "The provider is ready; the customer has not paid yet." in printed
    assert "The next check is in " in printed
    assert "A payment of 4.50 EUR was begun." in printed


def test_the_story_of_one_that_was_paid(shop: Shop) -> None:
    """Who found it out, and that nobody asks any more."""
    _, payment = shop.paid()
    shop.refund(payment, "1.00")

    story = told("show", str(payment.pk))

    assert story["standing"][0].startswith("It has ended: succeeded, found by ")
    assert story["payment"]["left"] == {"value": "3.50", "currency": "EUR"}
    assert [refund["amount"]["value"] for refund in story["refunds"]] == ["1.00"]
    assert [entry["at"] for entry in story["timeline"]] == sorted(entry["at"] for entry in story["timeline"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"next_check_at": timezone.now() - timedelta(minutes=3)}, "no worker has claimed it yet"),
        ({"claims": 1}, "A worker is checking it"),
        ({"claims": 4, "attention": "workers_lost"}, "because an operator must act"),
        ({"errors": 4}, "The last 4 checks got no usable answer. After 10 an operator is called."),
        ({"window_ends_at": timezone.now() - timedelta(minutes=3)}, "every check tries to cancel it at the provider"),
        ({"cancel_asked_at": timezone.now()}, "The customer canceled it"),
        ({"attention": "errors", "attention_note": "HTML"}, "An operator must act: HTML."),
        ({"status": "created"}, "the provider has not confirmed it yet"),
        ({"status": "authorized"}, "The money is held for us, and not taken yet."),
    ],
)
def test_each_reason_has_a_sentence(shop: Shop, changes: dict[str, Any], sentence: str) -> None:
    """Whatever it waits for."""
    _, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(**changes)

    assert any(sentence in said for said in told("show", str(payment.pk))["standing"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"found_by": ""}, "It has ended: succeeded. It is only asked about for a reason"),
        (
            {"attention": "refunds_differ", "attention_note": "they gave back 1.00 EUR"},
            "An operator must act: they gave",
        ),
        ({"reason": "card_expired"}, "The provider's reason: card_expired."),
        ({"decided_by": "olga", "decided_why": "rounded"}, "olga decided on the received money: rounded."),
    ],
)
def test_an_end_has_its_reasons_too(shop: Shop, changes: dict[str, Any], sentence: str) -> None:
    """Whatever became of it, and whoever decided that."""
    _, payment = shop.paid()
    Payment.objects.filter(pk=payment.pk).update(**changes)

    assert any(sentence in said for said in told("show", str(payment.pk))["standing"])


def test_an_end_that_the_shop_has_not_seen_yet_is_told(shop: Shop) -> None:
    """The money is found, and the order does not know."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.look(payment)
    unseen = "The shop has not processed it yet: see the payment events among the work."
    assert unseen in told("show", str(payment.pk))["standing"]

    shop.sweep()

    assert unseen not in told("show", str(payment.pk))["standing"]


def test_an_account_that_may_not_be_called_is_a_reason(shop: Shop) -> None:
    """A breaker that was opened by hand says by whom."""
    _, payment = shop.order()
    breaker.open_by_hand("sandbox", "olga", "maintenance")

    standing = told("show", str(payment.pk))["standing"]

    assert "olga holds the breaker of sandbox open (maintenance): no calls until it is closed." in standing
    assert not [
        sentence for sentence in standing if "The next check is in" in sentence or "It has been due" in sentence
    ]


def test_whoever_paid_something_else_has_paid(shop: Shop) -> None:
    """What came is said, and nobody waits for the customer."""
    _, payment = shop.order()
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": "4.00", "currency": "EUR"})
    shop.look(payment)

    standing = told("show", str(payment.pk))["standing"]

    assert "4.00 EUR came instead of 4.50 EUR: it stays open until an operator has decided." in standing
    assert "(every 10 min, because an operator must act)" in standing[-1]
    assert not [sentence for sentence in standing if "has not paid" in sentence or "may pay" in sentence]


@pytest.mark.postgres_too
@pytest.mark.parametrize("word", ["4711", "no-such-order", "9" * 40, "a\0b", "-", "'; DROP TABLE"])
def test_an_unknown_payment_is_an_error_of_its_own(shop: Shop, word: str) -> None:
    """Status 2, and what could be written instead."""
    status, printed, complaint = command("show", "--", word)

    assert (status, printed) == (2, "")
    assert "There is no payment" in complaint
    assert complaint.isprintable()


def test_what_a_provider_wrote_stays_text(shop: Shop) -> None:
    """It moves no cursor."""
    _, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(reason="\x1b[2Jgone", attention="errors", attention_note="\x1b[31m")

    for words in (["show", str(payment.pk)], ["list"], ["attention"]):
        assert "\x1b" not in command(*words)[1]


# --- check -----------------------------------------------------------------------------------------------------------


def test_a_check_makes_it_due(shop: Shop) -> None:
    """The next sweep looks at it, nudge or not."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")

    status, printed, _ = command("check", order.public_id)

    assert (status, "it is due now" in printed) == (0, True)
    shop.sweep()
    assert shop.fresh(payment).found_by == "operator"


def test_a_check_that_waits_says_what_was_found(shop: Shop) -> None:
    """Without any worker: it looks from here."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")

    status, printed, _ = command("check", str(payment.pk), "--wait")

    assert (status, "pending → succeeded" in printed) == (0, True)


@pytest.mark.postgres_too
def test_several_are_checked_at_once(shop: Shop) -> None:
    """Those that the provider never had are left alone and named."""
    (_, paid), (_, waiting) = shop.paid(), shop.order()
    _, refused = shop.order()
    never_there = {"status": "failed", "provider_ref": "", "next_check_at": None, "ended_at": timezone.now()}
    Payment.objects.filter(pk=refused.pk).update(**never_there)

    status, printed, complaint = command("check", str(paid.pk), str(waiting.pk), str(refused.pk))

    assert status == 1
    assert "the provider never had it: failed" in printed
    assert complaint == f"Not checked: {refused.pk}."
    assert shop.fresh(paid).asked_by == shop.fresh(waiting).asked_by == "operator"


@pytest.mark.parametrize("wait", [[], ["--wait"]], ids=["nudged", "waiting"])
def test_refunds_of_a_payment_are_looked_at_with_it(shop: Shop, wait: list[str]) -> None:
    """The payment itself has ended, and its refund has not."""
    _, payment = shop.paid()
    refund = shop.refund(payment)
    Refund.objects.filter(pk=refund.pk).update(next_check_at=timezone.now() + timedelta(hours=1))

    status, _, _ = command("check", str(payment.pk), *wait)

    assert status == 0
    assert Refund.objects.filter(pk=refund.pk, next_check_at__lte=timezone.now()).exists()


def test_nobody_waits_for_ever(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that may not be called now is the reason that is given."""
    _, payment = shop.order()
    breaker.open_by_hand("sandbox", "olga", "maintenance")
    monkeypatch.setattr(check_now, "WAIT_S", 0.5)

    status, printed, _ = command("check", str(payment.pk), "--wait")

    assert status == 1
    assert "olga holds the breaker" in printed


def test_a_misspelt_one_stops_all_of_them(shop: Shop) -> None:
    """Before anything was asked."""
    _, payment = shop.order()
    before = shop.fresh(payment).next_check_at

    assert command("check", str(payment.pk), "nonsense")[0] == 2
    assert shop.fresh(payment).next_check_at == before


# --- attention -------------------------------------------------------------------------------------------------------


def test_nothing_waits_for_a_person(shop: Shop) -> None:
    """Status 0, so that a script need not read."""
    shop.order()

    assert command("attention") == (0, "Nothing needs an operator.\n", "")
    assert told("attention") == []


def test_every_kind_of_case_is_listed_with_its_resolutions(shop: Shop) -> None:
    """A payment, a refund, a difference, and an order whose money it did not wait for."""
    _, payment = shop.order()
    needs_a_person(payment)
    order, paid = shop.paid()
    refund = shop.refund(paid)
    Refund.objects.filter(pk=refund.pk).update(attention=Attention.KEY_FORGOTTEN)
    type(order).objects.filter(pk=order.pk).update(attention_note="paid twice")
    backstage.make(Difference, 1)

    cases = {case["noun"]: case for case in told("attention")}

    assert set(cases) == {"payment", "refund", "difference", "order"}
    assert cases["payment"]["resolutions"] == ["Check now", "Close, because no money came", "Money came"]
    assert "Give up, because it was not carried out" in cases["refund"]["resolutions"]
    assert "It has been looked at" in cases["order"]["resolutions"]
    assert all(case["resolutions"] for case in cases.values())


def test_each_case_names_the_page_of_its_resolutions(shop: Shop, admin_client: Any, settings: Settings) -> None:
    """And the page is there."""
    _, payment = shop.order()
    needs_a_person(payment)

    status, printed, complaint = command("attention")

    assert (status, complaint) == (1, "Need an operator: 1.")
    [address] = [line.strip() for line in printed.splitlines() if settings.SHOP_URL in line]
    assert admin_client.get(address.removeprefix(settings.SHOP_URL)).status_code == 200


def test_the_list_of_cases_is_bounded(shop: Shop) -> None:
    """So many of each kind; the newest."""
    kept = [shop.order()[1] for _ in range(3)]
    for payment in kept:
        needs_a_person(payment)

    assert [case["key"] for case in told("attention", "--limit", "2")] == [kept[2].pk, kept[1].pk]


def test_a_payment_that_ended_has_its_own_resolutions(shop: Shop) -> None:
    """Only resolutions that make sense are named."""
    _, payment = shop.paid()
    Payment.objects.filter(pk=payment.pk).update(attention=Attention.REFUNDS_DIFFER)

    [case] = told("attention")

    assert case["resolutions"] == ["Check now", "Refund", "Note the difference"]
