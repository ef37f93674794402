"""What holds for every provider: the same suite, with what each contract says.

To run it for one of them: `python -m pytest tests/conformance -k stripe`.
"""

import dataclasses
import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from billing.errors import (
    AmountNotAccepted,
    BadAnswer,
    DeadlinePassed,
    Forged,
    ProviderError,
    Refused,
    Unavailable,
    Unreachable,
)
from billing.money import Money
from billing.providers.base import PaymentSnapshot, Provider
from billing.states import Status
from tests.conformance.cases import Case
from tests.conformance.facts import with_facts

# --- making and asking ----------------------------------------------------------------------------------------------


@with_facts("amount", lambda case: case.amounts)
def test_a_payment_is_made_and_comes_back_as_it_was(case: Case, amount: Any) -> None:
    """In every style of unit: what the provider has is what we asked for, to the last digit."""
    adapter, payment = case.adapter(), case.payment(amount)

    made = adapter.create(payment)
    asked = adapter.status(made.provider_ref)

    assert made.status == asked.status == Status.PENDING
    assert made.amount == asked.amount == amount
    assert made.reference == asked.reference == payment.reference
    assert made.provider_ref == asked.provider_ref
    assert made.pay_url.startswith("http")
    assert made.refunded_minor == asked.refunded_minor == 0


@with_facts("amounts", lambda case: case.not_accepted)
def test_an_amount_that_is_not_taken_is_not_sent(case: Case, amounts: tuple[Money, Money | None]) -> None:
    """Nothing is ever rounded. One sentence says what is wrong, and which amount would do."""
    adapter, (amount, smallest) = case.adapter(), amounts

    for refuse in (lambda: adapter.check_amount(amount), lambda: adapter.create(case.payment(amount))):
        with pytest.raises(AmountNotAccepted, match=rf"^\w+ does not accept {amount}: \w") as found:
            refuse()
        assert found.value.smallest == smallest
        assert smallest is None or str(found.value).endswith(f"the smallest amount is {smallest}")

    assert case.made() == 0


@with_facts("state", lambda case: case.states)
def test_every_state_has_a_meaning(case: Case, state: str) -> None:
    """The provider's words become ours; a word that is not in its contract is kept, and decides nothing."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)

    case.say(payment.provider_ref, state)
    answer = adapter.status(payment.provider_ref)

    assert answer.status == case.states[state]
    assert answer.raw_status
    assert answer.reference == payment.reference


def test_what_was_paid_is_what_was_asked_for(case: Case) -> None:
    """The amount of a paid payment is what was taken."""
    adapter = case.adapter()
    for amount in case.amounts:
        payment = case.made_payment(adapter, amount)
        case.say(payment.provider_ref, case.paid)
        assert adapter.status(payment.provider_ref).amount == amount


def test_a_payment_whose_answer_was_lost_is_not_made_twice(case: Case) -> None:
    """The same key and the same body bring the same payment."""
    adapter, payment = case.adapter(), case.payment()
    adapter.create(case.payment())  # whatever has to be fetched first is there
    case.trouble("lost_answer")

    with pytest.raises(Unreachable):
        adapter.create(payment)
    again, once_more = adapter.create(payment), adapter.create(payment)

    assert again.provider_ref == once_more.provider_ref
    assert case.made() == 2


# --- what can go wrong ----------------------------------------------------------------------------------------------


@with_facts("status", lambda case: case.errors)
def test_every_error_has_a_name(case: Case, status: int) -> None:
    """The provider's short word is repeated, its text is not; the connection after it is a good one."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)
    kind, code = case.errors[status]

    case.fail(status)
    with pytest.raises(ProviderError) as found:
        adapter.status(payment.provider_ref)

    assert type(found.value) is kind
    assert code in str(found.value)
    assert "Secret text" not in str(found.value)
    assert adapter.status(payment.provider_ref).status == Status.PENDING


def test_too_many_requests_say_when_to_come_back(case: Case) -> None:
    """In the header or in the body, in seconds or in milliseconds: in seconds to us."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)

    case.fail(429)
    with pytest.raises(Unavailable) as found:
        adapter.status(payment.provider_ref)

    assert found.value.retry_after_s == case.back_off_s


TROUBLES: dict[str, type[ProviderError]] = {
    "hang": DeadlinePassed,
    "drip": DeadlinePassed,
    "lost_answer": Unreachable,
    "bad_gateway": Unavailable,
    "html": BadAnswer,
    "half_json": BadAnswer,
    "oversized": BadAnswer,
    "redirect": BadAnswer,
    "nothing": BadAnswer,
}


@with_facts("trouble", lambda case: sorted(case.troubles))
def test_every_trouble_on_the_wire_leaves_the_outcome_open(case: Case, trouble: str, settings: Settings) -> None:
    """For asking as well as for making. Without the deadline, those that hang and drip would end as Unreachable."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)
    patience_s = settings.PAYMENT_API_TIMEOUT_S
    settings.PAYMENT_API_TIMEOUT_S = 0.5 if TROUBLES[trouble] is DeadlinePassed else patience_s
    calls: list[Callable[[], PaymentSnapshot]] = [
        lambda: adapter.status(payment.provider_ref),
        lambda: adapter.create(case.payment()),
    ]
    for call in calls:
        case.trouble(trouble)
        with pytest.raises(TROUBLES[trouble]):
            call()

    settings.PAYMENT_API_TIMEOUT_S = patience_s
    assert adapter.status(payment.provider_ref).status == Status.PENDING


def test_a_redirect_is_not_followed(case: Case) -> None:
    """Our keys go nowhere else."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)
    before = case.count()

    case.trouble("redirect")
    with pytest.raises(BadAnswer, match="redirects"):
        adapter.status(payment.provider_ref)

    assert case.count() <= before + 1


def test_secrets_stay_where_they_are(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    """Not in errors and what caused them, not in logs however talkative, not in what is printed of an adapter."""
    caplog.set_level(logging.DEBUG)
    adapter = case.adapter()
    payment = case.made_payment(adapter)
    seen = [repr(adapter), repr(vars(adapter)), str(adapter)]
    for fail in _failures(case):
        fail()
        with pytest.raises(ProviderError) as found:
            adapter.status(payment.provider_ref)
        seen += [repr(found.value), repr(found.value.__cause__), repr(found.value.__context__)]

    for secret in case.secrets():
        assert secret not in caplog.text
        assert not [text for text in seen if secret in text]


def _failures(case: Case) -> list[Callable[[], None]]:
    quick = sorted(case.troubles - {"hang", "drip"})
    return [*(partial(case.fail, status) for status in case.errors), *(partial(case.trouble, kind) for kind in quick)]


# --- calling off and giving back -----------------------------------------------------------------------------------


def test_an_unpaid_payment_is_called_off_or_lapses(case: Case) -> None:
    """Whoever lets nobody cancel it says how long it may stay open."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)

    if case.unpaid_can_be_cancelled:
        assert adapter.lapse is None
        assert adapter.cancel(payment.provider_ref).status == Status.CANCELED
    else:
        assert adapter.lapse is not None
        assert adapter.lapse > timedelta(0)
        with pytest.raises(Refused):
            adapter.cancel(payment.provider_ref)


def test_a_paid_payment_is_not_called_off(case: Case) -> None:
    """The customer was quicker."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)
    case.say(payment.provider_ref, case.paid)

    with pytest.raises(Refused):
        adapter.cancel(payment.provider_ref)

    assert adapter.status(payment.provider_ref).status == Status.SUCCEEDED


def test_money_goes_back_in_parts_and_never_more_than_there_was(case: Case) -> None:
    """A part, and the same part again under the same key, and the rest; then there is nothing left."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)
    case.say(payment.provider_ref, case.paid)
    part, rest = case.refund_of(payment, 400), case.refund_of(payment, payment.amount_minor - 400)

    first, again = adapter.refund(part), adapter.refund(part)
    assert (first.provider_ref, first.amount, first.status) == (again.provider_ref, part.amount, again.status)
    assert adapter.status(payment.provider_ref).refunded_minor == 400

    assert adapter.refund(rest).amount == rest.amount
    with pytest.raises(Refused):
        adapter.refund(case.refund_of(payment, 1))
    answer = adapter.status(payment.provider_ref)
    assert (answer.status, answer.refunded_minor) == (Status.SUCCEEDED, payment.amount_minor)


@with_facts("state", lambda case: case.refund_states)
def test_every_state_of_a_refund_has_a_meaning(case: Case, state: str) -> None:
    """Like those of payments."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)
    case.say(payment.provider_ref, case.paid)
    refund = case.refund_of(payment, 400)
    refund.provider_ref = adapter.refund(refund).provider_ref

    case.say_refund(refund.provider_ref, state)
    answer = adapter.refund_status(refund)

    assert answer.status == case.refund_states[state]
    assert answer.provider_ref == refund.provider_ref
    assert answer.amount == refund.amount


def test_a_refund_whose_answer_was_lost_is_not_made_twice(case: Case) -> None:
    """Money goes back once."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)
    case.say(payment.provider_ref, case.paid)
    refund = case.refund_of(payment, 400)
    case.trouble("lost_answer", after=case.refund_requests - 1)

    with pytest.raises(Unreachable):
        adapter.refund(refund)
    adapter.refund(refund)

    assert adapter.status(payment.provider_ref).refunded_minor == 400


# --- the provider's own list ---------------------------------------------------------------------------------------


def test_the_list_brings_every_payment_of_its_time_once(case: Case) -> None:
    """Page by page, with what `status` says of each."""
    if hasattr(case, "stand_in"):
        case.stand_in.page = 2
    adapter, before = case.adapter(), timezone.now() - timedelta(seconds=5)
    payments = [case.made_payment(adapter) for _ in range(5)]
    for payment in payments:
        case.say(payment.provider_ref, case.paid)

    rows = list(adapter.payments_between(before, timezone.now() + timedelta(seconds=5)))
    found = [row for row in rows if isinstance(row, PaymentSnapshot)]

    assert len(found) == len(rows) == 5
    assert sorted(answer.provider_ref for answer in found) == sorted(payment.provider_ref for payment in payments)
    assert {answer.reference for answer in found} == {payment.reference for payment in payments}
    assert {answer.status for answer in found} == {Status.SUCCEEDED}
    assert {answer.amount for answer in found} == {payments[0].amount}


def test_the_list_has_two_ends(case: Case) -> None:
    """What was made before it, or after it, is not in it."""
    adapter, moment = case.adapter(), timezone.now()
    payment = case.made_payment(adapter)
    case.say(payment.provider_ref, case.paid)
    day = timedelta(days=1)

    assert not list(adapter.payments_between(moment - day, moment - timedelta(seconds=5)))
    assert not list(adapter.payments_between(moment + timedelta(seconds=5), moment + day))


# --- callbacks -----------------------------------------------------------------------------------------------------


def test_a_callback_names_its_payment(case: Case) -> None:
    """The provider's id, our reference, and what happened; the sender is checked as far as it can be."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)
    case.say(payment.provider_ref, case.paid)
    post = case.callback(payment)

    adapter.verify(post)
    hint = adapter.read_callback(post.body)

    assert (hint.refs[0], hint.reference) == (payment.provider_ref, payment.reference)
    assert hint.event


def test_a_forged_callback_is_known_where_they_are_signed(case: Case) -> None:
    """One byte of the body is another, or there is no signature at all."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)
    case.say(payment.provider_ref, case.paid)
    post = case.callback(payment)
    forged = dataclasses.replace(post, body=post.body + b" "), dataclasses.replace(post, headers={})

    assert set(post.headers) == set(adapter.signature_headers)
    for each_post in forged:
        assert _is_refused(adapter, each_post) == case.signs


def _is_refused(adapter: Provider, post: Any) -> bool:
    try:
        adapter.verify(post)
    except Forged:
        return True
    return False


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"event": 1}', b"\xff\xfe", b'{"object": {"id": null}}'])
def test_a_callback_that_cannot_be_read_is_named_so(case: Case, body: bytes) -> None:
    """Whatever anybody posts: BadAnswer, and nothing else."""
    with pytest.raises(BadAnswer):
        case.adapter().read_callback(body)


# --- ids of the provider, in paths ----------------------------------------------------------------------------------

HOSTILE = ("../../admin", "..", ".", "", "a/b", "a?b=1", "a#b", "a%2fb", "a\\b", "a b", "a\nb", "é", "x" * 201)


@pytest.mark.parametrize("ref", HOSTILE, ids=ascii)
def test_what_is_no_id_is_not_asked_about(case: Case, ref: str) -> None:
    """Also if a row has it already: the call, with our key, would go to another place."""
    adapter = case.adapter()
    payment = case.made_payment(adapter)
    refund, asked = case.refund_of(payment, 100), case.count()
    payment.provider_ref = refund.provider_ref = ref

    for ask in (partial(adapter.status, ref), partial(adapter.cancel, ref), partial(adapter.refund_status, refund)):
        with pytest.raises(BadAnswer, match="no id of this provider"):
            ask()
    assert case.count() == asked
