"""What the real providers tell of a payment beyond its state: parts, the bank's work, declines, disputes, refunds."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from billing.errors import BadAnswer, Refused
from billing.models import Advice, Payment
from billing.providers.base import Disputing, Movement, PaymentSnapshot, Provider
from billing.states import RefundStatus, Status
from tests.conformance.cases import CASES
from tests.conformance.cases.case import StandInCase
from tests.conformance.facts import with_facts

STAND_INS = {name: case for name, case in CASES.items() if issubclass(case, StandInCase)}

DISPUTING = [name for name, case in STAND_INS.items() if case.dispute_states]

each_stand_in = pytest.mark.parametrize("case", STAND_INS, indirect=True)
each_disputing = pytest.mark.parametrize("case", DISPUTING, indirect=True)


@pytest.fixture
def adapter(case: StandInCase) -> Provider:
    return case.adapter()


@pytest.fixture
def paid(case: StandInCase, adapter: Provider) -> Payment:
    """A payment that was paid there."""
    return _paid(case, adapter)


def _paid(case: StandInCase, adapter: Provider) -> Payment:
    payment = case.made_payment(adapter)
    case.say(payment.provider_ref, case.paid)
    return payment


# --- the payment itself ---------------------------------------------------------------------------------------------


@each_stand_in
def test_an_answer_names_the_parts_of_the_payment(case: StandInCase, adapter: Provider, paid: Payment) -> None:
    """So that an event about one of them finds it."""
    answer = adapter.status(paid.provider_ref)

    assert set(answer.refs) == case.parts(paid.provider_ref)
    assert len(answer.refs) == len(set(answer.refs))


@with_facts("state", lambda case: case.working)
def test_the_work_of_a_bank_is_told_from_a_customer_who_has_not_paid(case: StandInCase, state: str) -> None:
    """Both are pending; there is nothing left to pay in one of them."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)
    assert not adapter.status(payment.provider_ref).is_working

    case.say(payment.provider_ref, state)
    working = adapter.status(payment.provider_ref)
    case.say(payment.provider_ref, case.paid)

    assert (working.status, working.is_working) == (Status.PENDING, True)
    assert not adapter.status(payment.provider_ref).is_working


@with_facts("reason", lambda case: case.declines)
def test_every_decline_has_an_advice(case: StandInCase, reason: str) -> None:
    """The provider's own, in our three words; a reason that is not in the contract is kept."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)

    case.decline(payment.provider_ref, reason)
    answer = adapter.status(payment.provider_ref)

    assert (answer.reason, answer.advice) == (reason, case.declines[reason])


@each_stand_in
def test_a_payment_that_was_not_declined_has_no_advice(case: StandInCase, adapter: Provider, paid: Payment) -> None:
    """Neither an open one nor a paid one."""
    unpaid = case.made_payment(adapter)

    assert adapter.status(paid.provider_ref).advice == Advice.NONE
    assert adapter.status(unpaid.provider_ref).advice == Advice.NONE


@each_stand_in
def test_how_long_a_bank_works_and_what_is_forgotten_is_said(adapter: Provider) -> None:
    """A bank needs days; an order is forgotten after hours."""
    assert timedelta(days=1) <= adapter.bank_longest <= timedelta(days=31)
    assert adapter.forgets is None or adapter.forgets >= timedelta(hours=1)


# --- callbacks ------------------------------------------------------------------------------------------------------


@each_stand_in
def test_an_event_of_any_part_names_the_payment(case: StandInCase, adapter: Provider, paid: Payment) -> None:
    """The first id is one that the payment has, and none comes twice."""
    known = {paid.provider_ref, *adapter.status(paid.provider_ref).refs}

    for name, event in case.events(paid).items():
        hint = adapter.read_callback(json.dumps(event).encode())
        assert hint.event == name
        assert hint.refs[0] in known, name
        assert len(hint.refs) == len(set(hint.refs)), name
        assert hint.reference in ("", paid.reference), name


@each_stand_in
def test_an_event_that_names_nothing_is_unreadable(case: StandInCase, adapter: Provider, paid: Payment) -> None:
    """Its name alone leads to no payment."""
    for event in case.events(paid).values():
        nameless = {name: value if isinstance(value, str) else {} for name, value in event.items()}
        with pytest.raises(BadAnswer):
            adapter.read_callback(json.dumps(nameless).encode())


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameter", ["receipt.items", "line_items[0][quantity]", "/purchase_units/0/amount/value"])
@each_stand_in
def test_a_refusal_names_the_field(case: StandInCase, adapter: Provider, parameter: str) -> None:
    """The name of a field is ours, and says what to mend."""
    case.fail(400, parameter)
    with pytest.raises(Refused) as found:
        adapter.create(case.payment())

    assert str(found.value) == f"HTTP 400 {case.errors[400][1]} {parameter}"
    assert found.value.code == case.errors[400][1]


@pytest.mark.parametrize("parameter", ["Ann Lee", "a@b.example", "x" * 65, "a\nb", "тело", ""])
@each_stand_in
def test_what_is_no_field_is_not_repeated(case: StandInCase, adapter: Provider, parameter: str) -> None:
    """It may be personal data."""
    case.fail(400, parameter)
    with pytest.raises(Refused, match=rf"^HTTP 400 {case.errors[400][1]}$"):
        adapter.create(case.payment())


# --- disputes -------------------------------------------------------------------------------------------------------


@with_facts("state", lambda case: case.dispute_states)
def test_every_state_of_a_dispute_has_a_meaning(case: StandInCase, state: str) -> None:
    """With its sum, its reason and its deadline."""
    adapter = case.adapter()
    payment = _paid(case, adapter)

    theirs = case.dispute(payment.provider_ref, state)
    ours = _disputes(adapter, payment)

    assert len(ours) == 1
    assert (ours[0].status, ours[0].is_inquiry) == case.dispute_states[state]
    assert ours[0].provider_ref in (theirs.get("id"), theirs.get("dispute_id"))
    assert (ours[0].amount, ours[0].reason) == (payment.amount, theirs["reason"])
    assert ours[0].opened_at <= timezone.now()
    assert ours[0].evidence_due_at is not None
    assert ours[0].evidence_due_at.tzinfo == UTC


@each_disputing
def test_the_disputes_of_a_payment_are_all_of_its_own(case: StandInCase, adapter: Provider, paid: Payment) -> None:
    """None of another payment's, and none where there is none. An unpaid payment costs no question."""
    other, unpaid = _paid(case, adapter), case.made_payment(adapter)
    first, second = (next(iter(case.dispute_states)), list(case.dispute_states)[1])
    case.dispute(paid.provider_ref, first)
    case.dispute(paid.provider_ref, second)

    assert len({each.provider_ref for each in _disputes(adapter, paid)}) == 2
    assert _disputes(adapter, other) == []
    answer, before = adapter.status(unpaid.provider_ref), case.count()
    assert isinstance(adapter, Disputing)
    assert adapter.disputes_of(answer) == []
    assert case.count() == before


@each_disputing
def test_a_disputed_payment_is_still_paid(case: StandInCase, adapter: Provider, paid: Payment) -> None:
    """The answer only says that there may be disputes."""
    case.dispute(paid.provider_ref, next(iter(case.dispute_states)))
    unpaid = case.made_payment(adapter)

    answer = adapter.status(paid.provider_ref)

    assert (answer.status, answer.is_disputed, answer.refunded_minor) == (Status.SUCCEEDED, True, 0)
    assert not adapter.status(unpaid.provider_ref).is_disputed


def _disputes(adapter: Provider, payment: Payment) -> list[Any]:
    assert isinstance(adapter, Disputing)
    return adapter.disputes_of(adapter.status(payment.provider_ref))


# --- what moves later -----------------------------------------------------------------------------------------------


@each_stand_in
def test_what_went_back_is_listed_on_its_day(case: StandInCase, adapter: Provider) -> None:
    """Page by page; each row names a payment by an id that the payment has, or by our reference."""
    case.stand_in.page = 2
    payments = [_paid(case, adapter) for _ in range(5)]
    refs = [adapter.refund(case.refund_of(payment, 400)).provider_ref for payment in payments]

    found = list(_around_now(adapter.movements_between))

    assert sorted(each.provider_ref for each in found) == sorted(refs)
    for payment, ref in zip(payments, refs, strict=True):
        known = {payment.provider_ref, *adapter.status(payment.provider_ref).refs}
        row = next(each for each in found if each.provider_ref == ref)
        assert known & {*row.refs} or row.reference == payment.reference


@each_stand_in
def test_the_list_of_what_went_back_has_two_ends(case: StandInCase, adapter: Provider, paid: Payment) -> None:
    """Like that of payments."""
    adapter.refund(case.refund_of(paid, 400))
    moment, day = timezone.now(), timedelta(days=1)

    assert not list(adapter.movements_between(moment - day, moment - timedelta(seconds=5)))
    assert not list(adapter.movements_between(moment + timedelta(seconds=5), moment + day))


@each_stand_in
def test_an_unreadable_row_costs_only_itself(case: StandInCase, adapter: Provider) -> None:
    """In its place stands what is wrong with it; on other pages nothing is lost."""
    case.stand_in.page = 2
    payments = [_paid(case, adapter) for _ in range(5)]
    refs = [adapter.refund(case.refund_of(payment, 400)).provider_ref for payment in payments]
    case.spoil(case.row(payments[2].provider_ref))
    case.spoil(case.the_book.refunds[refs[2]])

    for listed, kind in ((adapter.payments_between, PaymentSnapshot), (adapter.movements_between, Movement)):
        rows = list(_around_now(listed))
        assert [type(row) for row in rows].count(kind) == 4
        assert [type(row) for row in rows].count(BadAnswer) == 1


@with_facts("failed", lambda case: [state for state, ours in case.refund_states.items() if ours == RefundStatus.FAILED])
def test_a_refund_may_fail_after_its_success(case: StandInCase, failed: str) -> None:
    """Banks return money days later."""
    adapter = case.adapter()
    payment = _paid(case, adapter)
    refund = case.refund_of(payment, 400)
    refund.provider_ref = adapter.refund(refund).provider_ref
    assert adapter.refund_status(refund).status == RefundStatus.SUCCEEDED

    case.say_refund(refund.provider_ref, failed)

    assert adapter.refund_status(refund).status == RefundStatus.FAILED


@each_stand_in
def test_a_refund_without_a_status_is_unknown(case: StandInCase, adapter: Provider, paid: Payment) -> None:
    """It has neither succeeded nor failed."""
    refund = case.refund_of(paid, 400)
    refund.provider_ref = adapter.refund(refund).provider_ref
    case.the_book.refunds[refund.provider_ref]["status"] = None

    assert adapter.refund_status(refund).status is None


def _around_now(listed: Callable[[datetime, datetime], Iterator[Any]]) -> Iterator[Any]:
    now = timezone.now()
    return listed(now - timedelta(minutes=5), now + timedelta(seconds=5))
