"""The demo's verdict: each fault of an order is seen and counted once, and a slow machine is no fault."""

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
    verdict = Verdict(ALL_WELL, at_rest=True)

    assert verdict.is_fine
    assert verdict.complaints() == []
    assert verdict.last_line() == "demo: placed=5 paid=2 canceled=2 expired=1 mailed=2 wrong=0 lost=0 unfinished=0"


@pytest.mark.parametrize("status", ["canceled", "expired"])
def test_an_order_nobody_paid_may_end_either_way_at_the_provider(status: str) -> None:
    """The shop cancels the payment, or the provider was quicker."""
    assert counted(replace(EXPIRED, books=(status,))) == {}


@pytest.mark.parametrize("case", ALL_WELL, ids=lambda case: case.plan.text)
@pytest.mark.parametrize("at_rest", [True, False])
def test_an_end_that_contradicts_the_provider_is_wrong(case: Case, at_rest: bool) -> None:
    """The shop made a payment up, or keeps the money of an order that it calls unpaid; however much time it had."""
    for state in ("paid", "canceled", "expired"):
        if (state == "paid") != (case.state == "paid"):
            for mails in (0, 1):
                assert counted(replace(case, state=state, mails=mails), at_rest=at_rest) == {"wrong": 1}


@pytest.mark.parametrize("case", [CANCELED, GONE, EXPIRED])
def test_an_unpaid_order_whose_payment_is_open_is_wrong(case: Case) -> None:
    """Its money may still come."""
    assert counted(replace(case, books=("pending",))) == {"wrong": 1}


@pytest.mark.parametrize("case", ALL_WELL, ids=lambda case: case.plan.text)
def test_two_payments_of_one_order_are_wrong(case: Case) -> None:
    """The customer paid twice, whatever the shop says."""
    for state in ("paid", "expired", "checking"):
        assert counted(replace(case, books=("succeeded", "succeeded"), state=state)) == {"wrong": 1}


@pytest.mark.parametrize("books", [("canceled", "succeeded"), ("failed", "succeeded")])
def test_a_second_try_is_not_a_second_payment(books: tuple[str, ...]) -> None:
    """The shop lets a customer try again whose first payment failed."""
    assert counted(replace(PAID, books=books)) == {}


@pytest.mark.parametrize(("case", "mails"), [(PAID, 2), (PAID, 7), (CANCELED, 1), (GONE, 1), (EXPIRED, 1)])
def test_a_mail_too_many_is_wrong(case: Case, mails: int) -> None:
    """A second confirmation, or one of an order that nobody paid."""
    assert counted(replace(case, mails=mails)) == {"wrong": 1}


@pytest.mark.parametrize("case", [PAID, LEFT])
@pytest.mark.parametrize(("at_rest", "word"), [(True, "lost"), (False, "unfinished")])
def test_a_missing_mail_is_lost_once_the_shop_had_its_time(case: Case, at_rest: bool, word: str) -> None:
    """A payer who hears nothing; on a slow machine the mail may still come."""
    assert counted(replace(case, mails=0), at_rest=at_rest) == {word: 1}


@pytest.mark.parametrize("case", ALL_WELL, ids=lambda case: case.plan.text)
@pytest.mark.parametrize("state", ["pay", "checking", "try_again", ""])
@pytest.mark.parametrize(("at_rest", "word"), [(True, "lost"), (False, "unfinished")])
def test_an_order_without_an_end_is_lost_once_the_shop_had_its_time(
    case: Case, state: str, at_rest: bool, word: str
) -> None:
    """Also if the shop does not answer at all."""
    assert counted(replace(case, state=state, mails=0), at_rest=at_rest) == {word: 1}


@pytest.mark.parametrize(("case", "end"), [(CANCELED, "expired"), (GONE, "expired"), (EXPIRED, "canceled")])
def test_an_end_that_only_the_plan_contradicts_is_not_finished(case: Case, end: str) -> None:
    """The provider agrees with the shop: the customer was too slow, not the shop wrong. It is not fine either."""
    assert counted(replace(case, state=end)) == {"unfinished": 1}


def test_a_customer_who_came_too_late_to_pay_is_not_finished() -> None:
    """The order had expired before the page of the provider was there."""
    late = replace(PAID, state="expired", books=("canceled",), mails=0, trouble="the page has no button to pay")

    assert counted(late) == {"unfinished": 1}


@pytest.mark.parametrize("case", ALL_WELL, ids=lambda case: case.plan.text)
def test_without_an_answer_of_the_provider_nothing_is_wrong(case: Case) -> None:
    """What was not read contradicts nothing; it is not fine either."""
    assert counted(replace(case, books=None)) == {"unfinished": 1}


@pytest.mark.parametrize("plan", [PAYS, CANCELS, WALKS_AWAY])
def test_an_order_that_was_never_placed_is_lost(plan: Plan) -> None:
    """The shop sent a customer away."""
    verdict = Verdict([PAID, Case(9, plan, trouble="the checkout answered 500")], at_rest=True)

    assert (verdict.wrong, verdict.lost) == (0, 1)
    assert "placed=1 " in verdict.last_line()
    assert verdict.complaints()[0].endswith("; trouble: the checkout answered 500")


def test_mail_to_a_stranger_is_wrong() -> None:
    """Confirmations are nobody else's business."""
    verdict = Verdict(ALL_WELL, at_rest=True, strays=("nobody@example.com",))

    assert (verdict.wrong, verdict.lost, verdict.is_fine) == (1, 0, False)
    assert verdict.complaints() == ["WRONG  a mail went to nobody@example.com, who ordered nothing"]


def test_a_complaint_names_what_one_needs_to_look_further() -> None:
    """Who did what, and what the provider, the shop and the mail server say of it."""
    verdict = Verdict([replace(LEFT, state="expired", mails=0), PAID], at_rest=True)

    assert verdict.complaints() == [
        "WRONG  customer 2 pays and closes the tab; order bbb; provider: succeeded; "
        "shop: expired, planned paid; mails: 0, due 0"
    ]


def counted(case: Case, *, at_rest: bool = True) -> dict[str, int]:
    """What is counted in the company of others that are well; each case has one word."""
    verdict = Verdict([*ALL_WELL, case], at_rest)
    words = {"wrong": verdict.wrong, "lost": verdict.lost, "unfinished": verdict.unfinished}
    assert len(verdict.complaints()) == sum(words.values())
    assert verdict.is_fine == (not verdict.complaints())
    return {word: number for word, number in words.items() if number}
