"""The order page: a situation of the payment is one state, and each state has true sentences of its own."""

import re
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from billing.limits import breaker
from billing.models import Advice, AskedBy, Attention, Payment
from billing.payments import service as payments
from billing.states import Status
from commerce import orders
from commerce.order_state import ADVICE, State, state_of
from tests.database.test_pages import leads_to, page_of
from tests.database.test_pages import state_of as told
from tests.shop import CUSTOMER, Shop, with_mail

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

NOT_OFFERED: dict[str, Any] = {"status": Status.CREATED, "provider_ref": "", "pay_url": ""}
RETURNED = {"returned_at": timezone.now()}
WORKING = {"working_since": timezone.now()}
CANCELING = {"cancel_asked_at": timezone.now()}
ENDED = {"ended_at": timezone.now(), "next_check_at": None}
FAILED = {"status": Status.FAILED, **ENDED}

SITUATIONS: list[tuple[str, dict[str, Any], bool, State]] = [
    # what is known of the payment, whether the provider is away, and what the page says
    ("offered", {}, False, State.PAY),
    ("offered, and away", {}, True, State.AWAY),
    ("declined once", {"advice": Advice.OTHER}, False, State.PAY),
    ("not offered", NOT_OFFERED, False, State.PREPARING),
    ("not offered, and away", NOT_OFFERED, True, State.PREPARING),
    ("not offered, many errors", NOT_OFFERED | {"attention": Attention.ERRORS}, False, State.PREPARING),
    ("known there, without a page", {"pay_url": ""}, False, State.PREPARING),
    ("came back", RETURNED, False, State.CHECKING),
    ("came back, and away", RETURNED, True, State.CHECKING),
    ("came back, not offered", NOT_OFFERED | RETURNED, False, State.PREPARING),
    ("authorized", {"status": Status.AUTHORIZED}, False, State.CHECKING),
    ("authorized, and away", {"status": Status.AUTHORIZED}, True, State.CHECKING),
    ("many errors", {"attention": Attention.ERRORS}, False, State.CHECKING),
    ("many errors, and away", {"attention": Attention.ERRORS}, True, State.AWAY),
    ("another amount", {"attention": Attention.MISMATCH}, False, State.CHECKING),
    ("another amount, and away", {"attention": Attention.MISMATCH}, True, State.CHECKING),
    ("the bank works", WORKING, False, State.WORKING),
    ("the bank works, came back, and away", WORKING | RETURNED, True, State.WORKING),
    ("the bank works, cancelled", WORKING | CANCELING, False, State.WORKING),
    ("the bank is slow", WORKING | {"attention": Attention.BANK_SLOW}, False, State.WORKING),
    ("cancelled", CANCELING, False, State.CANCELING),
    ("cancelled, not offered", NOT_OFFERED | CANCELING, False, State.CANCELING),
    ("cancelled, and failed", CANCELING | FAILED, False, State.CANCELING),
    ("declined", FAILED, False, State.TRY_AGAIN),
    ("declined after the bank had worked", FAILED | WORKING, False, State.TRY_AGAIN),
    ("declined, came back, and away", FAILED | RETURNED, True, State.TRY_AGAIN),
    ("refused when created", FAILED | {"provider_ref": "", "pay_url": ""}, False, State.OUR_FAULT),
    ("paid, not settled", {"status": Status.SUCCEEDED, **ENDED}, False, State.CHECKING),
]


def set_facts(payment: Payment, is_away: bool, facts: dict[str, Any]) -> None:
    """Write what is known, as billing would."""
    Payment.objects.filter(pk=payment.pk).update(**facts)
    if is_away:
        breaker.open_by_hand("sandbox", "sam", "it does not answer")


@pytest.mark.parametrize(
    ("facts", "is_away", "state"), [each[1:] for each in SITUATIONS], ids=[e[0] for e in SITUATIONS]
)
def test_a_situation_is_one_state(
    shop: Shop, client: Client, facts: dict[str, Any], is_away: bool, state: State
) -> None:
    """And the customer is sent to the provider's page only where the state says so."""
    order, payment = shop.order()
    set_facts(payment, is_away, facts)

    assert told(client, order) == state
    if payment.is_open and state not in (State.TRY_AGAIN, State.OUR_FAULT):
        sent = leads_to(client.post(reverse("order-pay", args=[order.public_id])), payment.pay_url)
        assert sent == (state in (State.PAY, State.AWAY))


@pytest.mark.parametrize("advice", list(Advice))
def test_an_offer_in_every_combination_of_facts(shop: Shop, advice: Advice) -> None:
    """Money that may be there is never asked for again, and no payment page is promised that is not known.

    A decline changes no state: it adds its advice.
    """
    order, payment = shop.order()
    known = payment.pay_url
    facts = product((known, ""), (None, timezone.now()), (False, True), list(Attention))
    for payment.pay_url, payment.returned_at, is_away, payment.attention in facts:
        payment.advice = advice
        if not payment.pay_url:
            expected = State.PREPARING
        elif payment.returned_at or payment.attention not in (Attention.NONE, Attention.ERRORS):
            expected = State.CHECKING
        else:
            expected = State.AWAY if is_away else State.CHECKING if payment.attention else State.PAY

        state = state_of(order, payment, timezone.now(), lambda _account, away=is_away: away)  # type: ignore[misc]

        assert state == expected, (payment.pay_url, payment.returned_at, is_away, payment.attention)


def test_only_a_state_for_the_customer_offers_to_pay_or_to_cancel(shop: Shop, client: Client) -> None:
    """A page that checks asks for nothing: the customer may have paid."""
    order, _payment = shop.order()
    page = page_of(with_mail(client, order), order)

    for state in State:
        block = block_of(page, state)
        assert (reverse("order-pay", args=[order.public_id]) in block) == state.is_for_customer
        cancel = state.is_for_customer or state == State.PREPARING
        assert (reverse("order-cancel", args=[order.public_id]) in block) == cancel


def test_who_paid_in_an_outage_is_not_asked_again(shop: Shop, client: Client) -> None:
    """Through all of it: before the breaker opens, while it is open, and until the answer comes."""
    order, payment = shop.order()
    shop.sandbox.callbacks(lose_every=1)
    shop.sandbox.outage("status_500", 600)
    shop.buyer(payment, "pay")
    client.get(reverse("order-return", args=[order.public_id]))
    for _ in range(breaker.ERRORS_TO_OPEN):
        assert told(client, order) == State.CHECKING
        shop.look(payment)
    assert payments.is_away(payment.account)
    assert told(client, order) == State.CHECKING

    shop.sandbox.end_outage()
    breaker.close_by_hand("sandbox", "sam", "it answers again")
    shop.sweep_now(payment)
    assert told(client, order) == State.PAID


def test_a_customer_who_comes_back_without_having_paid_may_still_pay(shop: Shop, client: Client) -> None:
    """Nothing is known until the provider has answered; then the page waits again."""
    order, payment = shop.order()

    client.get(reverse("order-return", args=[order.public_id]))
    assert told(client, order) == State.CHECKING
    shop.sweep()
    assert told(client, order) == State.PAY

    shop.buyer(payment, "pay")
    shop.let_interval_pass()
    client.get(reverse("order-return", args=[order.public_id]))
    assert told(client, order) == State.CHECKING
    shop.sweep()
    assert told(client, order) == State.PAID


def test_an_outage_is_told_while_it_lasts(shop: Shop, client: Client) -> None:
    """Of a payment that was offered before, and of a new one."""
    offered, known = shop.order()
    shop.sandbox.outage("refuse", 600)
    for _ in range(breaker.ERRORS_TO_OPEN):
        shop.look(known)
    new, unknown = orders.place(shop.cart(), CUSTOMER)
    payments.introduce(unknown)
    assert (told(client, offered), told(client, new)) == (State.AWAY, State.PREPARING)

    shop.sandbox.end_outage()
    breaker.close_by_hand("sandbox", "sam", "it answers again")
    for payment in (known, unknown):
        shop.look(payment)
    assert (told(client, offered), told(client, new)) == (State.PAY, State.PAY)


def test_a_transfer_is_the_banks_work_until_it_ends(shop: Shop, client: Client) -> None:
    """Nobody is asked to pay meanwhile, also when the deadline is over."""
    order, payment = shop.order()
    shop.buyer(payment, "transfer")
    shop.sweep_now(payment)
    assert told(client, order) == State.WORKING
    shop.let_time_pass(3_700)
    shop.sweep()
    assert told(client, order) == State.WORKING

    shop.sandbox.force(payment.provider_ref, "succeeded")
    shop.sweep_now(payment)
    assert told(client, order) == State.PAID


@pytest.mark.parametrize(
    "facts",
    [{}, RETURNED, NOT_OFFERED, {"attention": Attention.ERRORS}],
    ids=["offered", "came back", "not offered", "errors"],
)
@pytest.mark.parametrize("is_away", [False, True])
def test_nobody_is_asked_to_pay_after_the_deadline(shop: Shop, facts: dict[str, Any], is_away: bool) -> None:
    """An outage may keep the order open for longer than its deadline."""
    order, payment = shop.order()
    set_facts(payment, is_away, facts)
    now = order.pay_before

    assert state_of(order, shop.fresh(payment), now) == State.CHECKING
    assert state_of(order, shop.fresh(payment), now - timedelta(seconds=1)) != State.CHECKING or facts


def test_a_payment_the_bank_works_on_cannot_be_cancelled(shop: Shop, client: Client) -> None:
    """The page does not offer it, and the button of an older page is refused."""
    order, payment = shop.order()
    set_facts(payment, False, WORKING)

    cancel = reverse("order-cancel", args=[order.public_id])
    answer = with_mail(client, order).post(cancel, follow=True)

    assert "can no longer be cancelled" in answer.content.decode()
    assert shop.fresh(payment).cancel_asked_at is None
    assert not order.events.exists()
    assert cancel not in block_of(answer.content.decode(), State.WORKING)


@pytest.mark.parametrize("parts", [["4.50"], ["1.00", "3.50"]], ids=["all at once", "in parts"])
def test_a_refund_that_came_back_is_not_said_to_be_on_its_way(shop: Shop, client: Client, parts: list[str]) -> None:
    """The order stays refunded; once the money has gone out again, it is on its way again."""
    order, payment = shop.paid(shop.product(price_minor=450))
    refunds = [shop.follow(shop.refund(payment, part)) for part in parts]
    shop.sweep()
    assert told(client, order) == State.REFUNDED

    shop.sandbox.force_refund(refunds[0].provider_ref, "failed", "account_closed")
    payments.check_now(payment, AskedBy.OPERATOR, [refunds[0].provider_ref])
    shop.sweep()
    assert told(client, order) == State.SENT_BACK

    shop.follow(shop.refund(payment, parts[0]))
    shop.sweep()
    assert told(client, order) == State.REFUNDED


@pytest.mark.parametrize("advice", list(Advice))
@pytest.mark.parametrize(
    ("facts", "is_away", "state"),
    [({}, False, State.PAY), ({}, True, State.AWAY), (FAILED, False, State.TRY_AGAIN)],
)
def test_a_declined_customer_reads_what_helps(
    shop: Shop, client: Client, advice: Advice, facts: dict[str, Any], is_away: bool, state: State
) -> None:
    """On the page and, while it is open, by what it asks for."""
    order, payment = shop.order()
    set_facts(payment, is_away, {"advice": advice, **facts})

    page = page_of(client, order)

    told_advice = client.get(reverse("order-state", args=[order.public_id])).json()["advice"]
    assert told_advice == advice
    block = block_of(page, state)
    assert set(re.findall(r'data-advice="(\w+)">', block)) == {advice} - {Advice.NONE}
    assert set(re.findall(r'data-advice="(\w+)" hidden>', block)) == set(ADVICE) - {advice}


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_state_has_its_title_and_its_sentences(shop: Shop, client: Client, language: str) -> None:
    """In both languages, and no two say the same."""
    order, _ = shop.order()
    page = client.get(reverse("order", args=[order.public_id]), headers={"accept-language": language}).content.decode()

    with translation.override(language):
        titles = {state: str(state.label) for state in State}
    sentences = {state: re.sub(r"<form.*?</form>|<details.*?</details>|<[^>]*>", " ", block_of(page, state), flags=re.S)
                 for state in State}  # fmt: skip
    assert len(set(titles.values())) == len({" ".join(each.split()) for each in sentences.values()}) == len(State)
    for state in State:
        assert f'data-title="{titles[state]} · Till Coffee"' in page
        assert titles[state] in sentences[state]
        for text in (titles[state], sentences[state].replace("ann@example.com", "").replace("UTC", "")):
            assert bool(re.search("[а-яё]{3}", text, re.IGNORECASE)) == (language == "ru"), text
            assert language == "en" or not re.search("[a-z]{4}", text, re.IGNORECASE), text
    assert f"<title>{titles[State.PAY]} · Till Coffee</title>" in page


def block_of(page: str, state: State) -> str:
    """The part of the page that is shown in this state."""
    found = re.search(rf'<section class="status [^>]*data-block="{state.value}".*?</section>', page, re.DOTALL)
    assert found is not None, state
    return found[0]
