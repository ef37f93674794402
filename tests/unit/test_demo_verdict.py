"""The demo's verdict: everything that can go wrong with an order is seen, and counted once."""

from dataclasses import replace

import pytest

from tests.demo.verdict import (
    CANCELS,
    CANCELS_AND_LEAVES,
    PAYS,
    PAYS_AND_LEAVES,
    WALKS_AWAY,
    Case,
    Plan,
    Verdict,
)

PAID = Case(1, PAYS, "aaa", ("succeeded",), "paid", mails=1)
LEFT = Case(2, PAYS_AND_LEAVES, "bbb", ("succeeded",), "paid", mails=1)
CANCELED = Case(3, CANCELS, "ccc", ("canceled",), "canceled")
GONE = Case(4, CANCELS_AND_LEAVES, "ddd", ("canceled",), "canceled")
EXPIRED = Case(5, WALKS_AWAY, "eee", ("canceled",), "expired")
ALL_WELL = (PAID, LEFT, CANCELED, GONE, EXPIRED)


def test_all_is_well() -> None:
    """Every customer got what they caused, and every payer one mail."""
    verdict = Verdict(ALL_WELL)

    assert verdict.is_fine
    assert verdict.complaints() == []
    assert verdict.last_line() == "demo: placed=5 paid=2 canceled=2 expired=1 mailed=2 wrong=0 lost=0"


@pytest.mark.parametrize("status", ["canceled", "expired"])
def test_an_order_nobody_paid_may_end_either_way_at_the_provider(status: str) -> None:
    """The shop calls the payment off, or the provider was quicker."""
    assert Verdict([replace(EXPIRED, books=(status,))]).is_fine


@pytest.mark.parametrize("case", ALL_WELL, ids=lambda case: case.plan.text)
@pytest.mark.parametrize("state", ["paid", "canceled", "expired"])
def test_every_other_end_is_wrong(case: Case, state: str) -> None:
    """Also where the mails would fit the wrong end."""
    if state != case.state:
        for mails in (0, 1):
            assert numbers(replace(case, state=state, mails=mails)) == (1, 0)


@pytest.mark.parametrize("case", ALL_WELL, ids=lambda case: case.plan.text)
@pytest.mark.parametrize("books", [(), ("pending",), ("failed",), ("succeeded", "succeeded"), ("canceled", "canceled")])
def test_books_that_say_otherwise_are_wrong(case: Case, books: tuple[str, ...]) -> None:
    """The shop may not have made it up, called a paid payment off, or let somebody pay twice."""
    assert numbers(replace(case, books=books)) == (1, 0)


def test_money_of_a_customer_whose_order_expired_is_wrong() -> None:
    """Whoever pays in time gets what was ordered."""
    assert numbers(replace(PAID, state="expired", mails=0)) == (1, 0)


@pytest.mark.parametrize(("case", "mails"), [(PAID, 2), (PAID, 7), (CANCELED, 1), (GONE, 1), (EXPIRED, 1)])
def test_a_mail_too_many_is_wrong(case: Case, mails: int) -> None:
    """A second confirmation, or one of an order that nobody paid."""
    assert numbers(replace(case, mails=mails)) == (1, 0)


@pytest.mark.parametrize("case", [PAID, LEFT])
def test_a_missing_mail_is_lost(case: Case) -> None:
    """A payer who hears nothing has been lost."""
    assert numbers(replace(case, mails=0)) == (0, 1)


@pytest.mark.parametrize("case", ALL_WELL, ids=lambda case: case.plan.text)
@pytest.mark.parametrize("state", ["pay", "checking", "try_again", ""])
def test_an_order_without_an_end_is_lost(case: Case, state: str) -> None:
    """Also if the shop does not answer at all."""
    assert numbers(replace(case, state=state)) == (0, 1)


@pytest.mark.parametrize("plan", [PAYS, CANCELS, WALKS_AWAY])
def test_an_order_that_was_never_placed_is_lost(plan: Plan) -> None:
    """The shop sent a customer away."""
    verdict = Verdict([PAID, Case(9, plan, trouble="the checkout answered 500")])

    assert (verdict.wrong, verdict.lost) == (0, 1)
    assert "placed=1 " in verdict.last_line()
    assert verdict.complaints()[0].endswith("; trouble: the checkout answered 500")


def test_mail_to_a_stranger_is_wrong() -> None:
    """Confirmations are nobody else's business."""
    verdict = Verdict(ALL_WELL, strays=("nobody@example.com",))

    assert (verdict.wrong, verdict.lost, verdict.is_fine) == (1, 0, False)
    assert verdict.complaints() == ["WRONG  a mail went to nobody@example.com, who ordered nothing"]


def test_a_complaint_names_what_one_needs_to_look_further() -> None:
    """Who did what, and what the provider, the shop and the mail server say of it."""
    verdict = Verdict([replace(LEFT, state="expired", mails=0), PAID])

    assert verdict.complaints() == [
        "WRONG  customer 2 pays and closes the tab; order bbb; provider: succeeded; "
        "shop: expired, should be paid; mails: 0, should be 1"
    ]


def numbers(case: Case) -> tuple[int, int]:
    """How many are wrong and lost, in the company of others that are well."""
    verdict = Verdict([*ALL_WELL, case])
    assert verdict.is_fine == (verdict.wrong == verdict.lost == 0)
    assert bool(verdict.complaints()) != verdict.is_fine
    return verdict.wrong, verdict.lost
