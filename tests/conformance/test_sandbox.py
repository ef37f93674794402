"""What the sandbox tells of a payment after its buyer has chosen: banks that need time, declines, disputes, refunds."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from billing.errors import AmountNotAccepted, BadAnswer, NotFound, Refused
from billing.models import Advice, Payment
from billing.money import Money
from billing.providers.base import DisputeSnapshot, Disputing, Movement
from billing.providers.sandbox import ADVICE
from billing.sandbox.fault_responses import FALSE_ANSWERS
from billing.states import DisputeStatus, Status
from tests.conformance.cases.sandbox import SandboxCase


@pytest.fixture
def sandbox() -> Iterator[SandboxCase]:
    with SandboxCase() as case:
        yield case


def paid(sandbox: SandboxCase, amount: Money | None = None) -> Payment:
    """A payment that succeeded."""
    payment = sandbox.made_payment(sandbox.adapter(), amount)
    sandbox.say(payment.provider_ref, "succeeded")
    return payment


def disputes_of(sandbox: SandboxCase, payment: Payment) -> list[DisputeSnapshot]:
    """By a fresh answer about the payment."""
    adapter = sandbox.adapter()
    assert isinstance(adapter, Disputing)
    return adapter.disputes_of(adapter.status(payment.provider_ref))


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_a_bank_works_on_a_payment_until_it_ends(sandbox: SandboxCase, end: str) -> None:
    """It is pending and cannot be canceled."""
    adapter = sandbox.adapter()
    payment = sandbox.made_payment(adapter)
    assert not adapter.status(payment.provider_ref).is_working
    sandbox.server.act(payment.provider_ref, "transfer")

    answer = adapter.status(payment.provider_ref)
    assert (answer.status, answer.is_working) == (Status.PENDING, True)
    with pytest.raises(Refused):
        adapter.cancel(payment.provider_ref)

    sandbox.server.force(payment.provider_ref, end)
    answer = adapter.status(payment.provider_ref)
    assert (answer.status, answer.is_working) == (end, False)


def test_the_buyers_own_card_is_declined(sandbox: SandboxCase) -> None:
    """Another card helps."""
    adapter = sandbox.adapter()
    payment = sandbox.made_payment(adapter)
    sandbox.server.act(payment.provider_ref, "decline")

    answer = adapter.status(payment.provider_ref)

    assert (answer.status, answer.reason, answer.advice) == (Status.FAILED, "card_declined", Advice.OTHER)


@pytest.mark.parametrize("reason", [*ADVICE, "moon_in_the_wrong_phase", ""])
@pytest.mark.parametrize("status", ["failed", "canceled", "succeeded"])
def test_only_a_declined_payment_comes_with_advice(sandbox: SandboxCase, reason: str, status: str) -> None:
    """And only for a reason that is known."""
    adapter = sandbox.adapter()
    payment = sandbox.made_payment(adapter)
    sandbox.server.force(payment.provider_ref, status, reason)

    advice = adapter.status(payment.provider_ref).advice

    assert advice == (ADVICE.get(reason, Advice.NONE) if status == "failed" else Advice.NONE)


def test_a_paid_payment_has_the_id_of_its_charge(sandbox: SandboxCase) -> None:
    """An unpaid one has none."""
    adapter = sandbox.adapter()
    payment = sandbox.made_payment(adapter)
    assert adapter.status(payment.provider_ref).refs == ()

    charge = sandbox.server.act(payment.provider_ref, "pay")["charge"]

    assert adapter.status(payment.provider_ref).refs == (charge,)


def test_a_forgotten_payment_is_not_found(sandbox: SandboxCase) -> None:
    """And the adapter says from which age on that means nothing."""
    adapter = sandbox.adapter()
    payment = sandbox.made_payment(adapter)
    sandbox.server.forget(payment.provider_ref)

    with pytest.raises(NotFound):
        adapter.status(payment.provider_ref)
    assert adapter.forgets == timedelta(hours=24)


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_nothing_is_not_an_amount(sandbox: SandboxCase, currency: str) -> None:
    """It is refused before anything is sent; the least amount of a currency is taken."""
    adapter = sandbox.adapter()

    for minor in (0, -1):
        with pytest.raises(AmountNotAccepted) as found:
            adapter.create(sandbox.payment(Money(minor, currency)))
        assert found.value.smallest == Money(1, currency)
    assert sandbox.count() == 0
    assert adapter.create(sandbox.payment(Money(1, currency))).amount == Money(1, currency)


@pytest.mark.parametrize("status", DisputeStatus)
@pytest.mark.parametrize("amount", SandboxCase.amounts, ids=str)
def test_every_state_of_a_dispute_has_a_meaning(sandbox: SandboxCase, status: DisputeStatus, amount: Money) -> None:
    """With its sum, its reason, its fee and its deadline, in every style of unit."""
    payment, before = paid(sandbox, amount), timezone.now()
    made = sandbox.server.dispute(payment.provider_ref, reason="not_received", due_in_s=3600)
    sandbox.server.force_dispute(made["id"], status)

    (dispute,) = disputes_of(sandbox, payment)

    assert (dispute.status, dispute.raw_status, dispute.provider_ref) == (status, status.value, made["id"])
    assert (dispute.amount, dispute.reason, dispute.is_inquiry) == (amount, "not_received", False)
    assert dispute.fee_minor == Money.parse("15", amount.currency).minor
    assert before <= dispute.opened_at <= timezone.now()
    assert dispute.evidence_due_at == dispute.opened_at + timedelta(hours=1)


def test_a_dispute_in_an_unknown_state_is_still_one(sandbox: SandboxCase) -> None:
    """Its state is None, and the provider's word is kept."""
    payment = paid(sandbox)
    sandbox.server.dispute(payment.provider_ref)
    sandbox.server.fault("dispute", "unknown_status")

    assert [(each.status, each.raw_status) for each in disputes_of(sandbox, payment)] == [(None, "levitating")]


def test_a_payment_says_whether_there_may_be_disputes(sandbox: SandboxCase) -> None:
    """From the first one on; those of other payments are not its own. An inquiry is one that took nothing."""
    payment, other = paid(sandbox), paid(sandbox)
    adapter = sandbox.adapter()
    assert not adapter.status(payment.provider_ref).is_disputed
    ended = sandbox.server.dispute(payment.provider_ref)
    sandbox.server.force_dispute(ended["id"], "won")
    asked = sandbox.server.dispute(payment.provider_ref, inquiry=True)

    assert adapter.status(payment.provider_ref).is_disputed
    found = disputes_of(sandbox, payment)
    assert [(each.provider_ref, each.is_inquiry) for each in found] == [(ended["id"], False), (asked["id"], True)]
    assert not adapter.status(other.provider_ref).is_disputed
    assert disputes_of(sandbox, other) == []


@pytest.mark.parametrize(
    "damage",
    [
        {"id": None},
        {"status": 7},
        {"amount": {"value": "1e3", "currency": "EUR"}},
        {"fee": None},
        {"created_at": "yesterday"},
        {"created_at": "2026-01-01T00:00:00"},
        {"evidence_due_at": 1_700_000_000},
    ],
    ids=str,
)
def test_a_damaged_dispute_is_a_bad_answer(
    sandbox: SandboxCase, damage: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never another error."""
    payment = paid(sandbox)
    sandbox.server.dispute(payment.provider_ref)
    monkeypatch.setitem(FALSE_ANSWERS, "unknown_status", lambda dispute: dispute | damage)
    sandbox.server.fault("dispute", "unknown_status")

    with pytest.raises(BadAnswer):
        disputes_of(sandbox, payment)


def test_what_moved_on_a_day_is_listed_whenever_it_was_paid(sandbox: SandboxCase) -> None:
    """Refunds and disputes, by the sandbox's own pages too; each names its payment and its charge."""
    payments = [paid(sandbox) for _ in range(3)]
    before = timezone.now()
    refund = sandbox.server.refund(payments[0].provider_ref, {"value": "1.00", "currency": "EUR"})
    dispute = sandbox.server.dispute(payments[1].provider_ref)
    adapter, after = sandbox.adapter(), timezone.now()

    found = list(adapter.movements_between(before, after))

    assert found == [
        Movement(made["id"], (payment.provider_ref, *adapter.status(payment.provider_ref).refs))
        for made, payment in zip([refund, dispute], payments, strict=False)
    ]
    assert list(adapter.movements_between(before - timedelta(days=1), before)) == []
    assert list(adapter.movements_between(after, after + timedelta(days=1))) == []


def test_a_long_list_of_movements_is_read_to_its_end(sandbox: SandboxCase) -> None:
    """Page by page, each once."""
    payment, before = paid(sandbox, Money(100_000, "EUR")), timezone.now()
    cent = {"value": "0.01", "currency": "EUR"}
    made = [sandbox.server.refund(payment.provider_ref, cent)["id"] for _ in range(101)]
    made += [sandbox.server.dispute(payment.provider_ref, amount=cent)["id"] for _ in range(101)]

    found = sandbox.adapter().movements_between(before, timezone.now() + timedelta(seconds=1))

    assert [each.provider_ref for each in found if isinstance(each, Movement)] == made
    assert len(disputes_of(sandbox, payment)) == 101
