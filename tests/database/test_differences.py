"""One difference: how it is noted, what a look at its payment makes of it, and what a person may say of it."""

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from billing.models import Attention, Difference, Payment, Reconciliation
from billing.payments import mismatches
from billing.reconciliation import differences, runs
from billing.reconciliation.compare import Discrepancy
from billing.sandbox.payment import Money as SandboxMoney
from billing.states import RefundStatus, Status
from config.due.queue import database_now
from tests.books import Kind, State, made_yesterday, noon, only, reconcile, stranger, was_made, yesterday
from tests.shop import Shop
from tests.stack.ports import HANG_S, wait_until
from tests.threads import at_once

pytestmark = pytest.mark.sqlite_is_enough


def day(ago: int = 1) -> Reconciliation:
    """So many days ago."""
    return runs.compare_again("sandbox", yesterday() - timedelta(days=ago - 1))


def note(run: Reconciliation, found: Sequence[Discrepancy]) -> None:
    """As a step through the day does."""
    with transaction.atomic():
        differences.note(run, found)


def state_of(kind: Difference.Kind) -> str:
    """Of the one difference of that kind."""
    return Difference.objects.get(kind=kind).state


# --- noted -----------------------------------------------------------------------------------------------------------


def test_a_difference_found_again_says_what_is_so_now(shop: Shop) -> None:
    """And it belongs to the day that found it last."""
    first, second = made_yesterday(shop), made_yesterday(shop)
    note(day(2), [Discrepancy(Kind.STATUS, "sb_1", "a", "pending", "canceled", first)])

    note(day(1), [Discrepancy(Kind.STATUS, "sb_1", "b", "created", "failed", second)])

    row = only()
    assert (row.reference, row.ours, row.theirs, row.payment) == ("b", "created", "failed", second)
    assert row.reconciliation == day(1)


def test_what_a_list_names_twice_is_noted_once(shop: Shop) -> None:
    """Pages overlap where a payment is made while they are read."""
    found = Discrepancy(Kind.UNKNOWN, "sb_1", theirs="succeeded, 9.90 EUR")

    note(day(), [found, found])

    assert only().provider_ref == "sb_1"


@pytest.mark.postgres_too
def test_many_differences_take_no_more_queries_than_a_pair(shop: Shop) -> None:
    """However many strangers' payments a page has, when they are new, and when they are known."""
    run = day()

    def queries(count: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            note(run, [Discrepancy(Kind.UNKNOWN, f"sb_{count}_{n}", theirs="succeeded") for n in range(count)])
        return len(captured)

    assert queries(20) == queries(2)
    assert queries(20) == queries(2)


def test_a_word_as_long_as_its_column_is_cut(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Where it is noted, and after the look; found again, it is the same."""
    payment = made_yesterday(shop, "pay")
    shop.sandbox.ledger.force(payment.provider_ref, "x" * 200)
    whole = f"'{'x' * 200}', an unknown status"

    reconcile()
    reconcile()

    assert (only().state, only().theirs) == (State.PARKED, whole[:200])
    assert caplog.messages.count("difference.parked") == 1


def test_what_the_same_account_has_is_the_same_difference_and_no_other(shop: Shop) -> None:
    """Two accounts of one provider may use an id twice."""
    other = Reconciliation.objects.create(account="second", day=yesterday(), reconcile_after=database_now())
    found = Discrepancy(Kind.UNKNOWN, "sb_1", theirs="succeeded, 9.90 EUR")

    note(day(), [found])
    note(other, [found])

    assert set(Difference.objects.values_list("account", flat=True)) == {"sandbox", "second"}


def test_what_a_look_mends_is_no_alarm(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A person is only called where a person is needed."""
    shop.buyer(made_yesterday(shop), "pay")

    reconcile()

    assert only().state == State.MENDED
    assert "difference.parked" not in caplog.messages


# --- looked at -------------------------------------------------------------------------------------------------------


def test_only_a_state_is_worth_a_look(shop: Shop) -> None:
    """Another amount is asked about once more, and by nobody else."""
    payment = made_yesterday(shop)
    shop.sandbox.fault("list", "wrong_amount")
    before = shop.questions(payment)

    reconcile()

    assert (only().kind, only().state) == (Kind.AMOUNT, State.MENDED)
    assert shop.questions(payment) == before + 1


def test_a_payment_that_the_provider_does_not_know_is_asked_about_once(shop: Shop) -> None:
    """The answer was given to this very question."""
    payment = made_yesterday(shop)
    Payment.objects.update(provider_ref="sb_gone")
    payment = shop.fresh(payment)
    before = shop.questions(payment)

    reconcile()

    assert (only().kind, only().state) == (Kind.MISSING, State.PARKED)
    assert shop.questions(payment) == before + 1


def test_what_stands_is_told_as_it_is_after_the_look(shop: Shop) -> None:
    """What the list said may be old by then."""
    payment = made_yesterday(shop, "pay")
    shop.sandbox.force(payment.provider_ref, "canceled")
    note(day(), [Discrepancy(Kind.STATUS, payment.provider_ref, "", "pending", "authorized", payment)])

    differences.mend(only())

    assert (only().state, only().ours, only().theirs) == (State.PARKED, "succeeded", "canceled")


def test_the_day_that_found_it_meanwhile_keeps_it(shop: Shop) -> None:
    """A look takes time; of what came of it, only that is written."""
    payment = made_yesterday(shop)
    found = Discrepancy(Kind.STATUS, payment.provider_ref, "", "pending", "succeeded", payment, mendable=True)
    note(day(2), [found])
    read_before = only()
    note(day(1), [found])

    differences.mend(read_before)

    assert (only().state, only().reconciliation) == (State.MENDED, day(1))


def test_a_payment_that_the_provider_forgets_while_we_compare_waits_for_a_person(shop: Shop) -> None:
    """Whatever it was that differed: now it is missing there."""
    payment = made_yesterday(shop, "pay")
    shop.sandbox.ledger.refund_by_hand(payment.provider_ref, SandboxMoney("1.50", "EUR"))
    shop.sandbox.fault("status", "not_found")

    reconcile()

    assert (only().kind, only().state) == (Kind.REFUNDS, State.PARKED)
    assert (only().ours, only().theirs) == ("succeeded, 4.50 EUR", "HTTP 404 not_found")
    assert not payment.refunds.exists()


def test_what_a_look_cannot_mend_is_parked_though_nobody_could_look(shop: Shop) -> None:
    """The look had no answer, the question after it had."""
    payment = made_yesterday(shop, "cancel")
    shop.sandbox.force(payment.provider_ref, "pending")
    shop.sandbox.fault("status", "status_500", times=1)

    reconcile()

    assert (only().kind, only().state, only().theirs) == (Kind.STATUS, State.PARKED, "pending")


def test_a_payment_taken_for_another_by_its_reference_is_told_from_it(shop: Shop) -> None:
    """We never learned its id, and a stranger's has its reference: the look finds its own, so the other is unknown."""
    shop.sandbox.fault("create", "status_500", times=1)
    _, payment = shop.order()
    was_made(shop, payment)
    other = stranger(shop, reference=payment.reference, amount="4.50")

    reconcile()
    assert (only().kind, only().state) == (Kind.STATUS, State.OPEN)
    assert shop.fresh(payment).provider_ref not in ("", other)

    reconcile()
    assert (state_of(Kind.STATUS), state_of(Kind.UNKNOWN)) == (State.MENDED, State.PARKED)
    assert shop.fresh(payment).status == Status.PENDING


def test_a_payment_that_ended_and_never_had_an_id_is_not_made_once_more(shop: Shop) -> None:
    """To look at it would be to create it. There is money under its reference, so a person decides."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    was_made(shop, payment)
    Payment.objects.update(provider_ref="", status=Status.FAILED, next_check_at=None, ended_at=noon())
    before = len(shop.sandbox.requests())

    reconcile()

    assert (only().kind, only().state, only().theirs) == (Kind.STATUS, State.PARKED, "succeeded")
    assert {each["method"] for each in shop.sandbox.requests()[before:]} == {"GET"}
    assert len(shop.sandbox.payments()) == 1


def test_late_money_of_another_amount_waits_for_a_person(shop: Shop) -> None:
    """The look was made, and it booked nothing."""
    payment = made_yesterday(shop, "cancel")
    shop.sandbox.ledger.force(payment.provider_ref, "succeeded", amount=SandboxMoney("5.50", "EUR"))

    reconcile()

    assert (state_of(Kind.AMOUNT), state_of(Kind.STATUS)) == (State.PARKED, State.PARKED)
    assert (shop.fresh(payment).status, shop.fresh(payment).attention) == (Status.CANCELED, Attention.MISMATCH)


def test_money_that_was_given_back_is_no_difference(shop: Shop) -> None:
    """A person has decided about it, and its refund is through: nobody is called again."""
    payment = made_yesterday(shop)
    shop.sandbox.ledger.force(payment.provider_ref, "succeeded", amount=SandboxMoney("5.50", "EUR"))
    shop.look(payment)
    shop.follow(mismatches.give_back(payment.pk, "olga", "too much", "a-key"))

    assert not reconcile().differences.exists()


def test_refunds_on_their_way_keep_no_difference_open(shop: Shop) -> None:
    """The payment has ended: its own look is what counts, and not the refunds' next."""
    payment = made_yesterday(shop)
    shop.sandbox.ledger.force(payment.provider_ref, "succeeded", amount=SandboxMoney("5.50", "EUR"))
    shop.look(payment)
    shop.sandbox.refunds_start_as("pending")
    shop.follow(mismatches.give_back(payment.pk, "olga", "too much", "a-key"))
    shop.sandbox.ledger.force(payment.provider_ref, "succeeded", amount=SandboxMoney("6.50", "EUR"))

    reconcile()

    assert payment.refunds.get().is_open
    assert (shop.fresh(payment).status, state_of(Kind.STATUS)) == (Status.FAILED, State.PARKED)


def test_a_refund_that_never_arrived_there_is_a_difference(shop: Shop) -> None:
    """Ours went through, as far as we know; one that was called off counts for nothing."""
    payment = made_yesterday(shop, "pay")
    ended = {"wanted_by": "ann", "why": "broken", "next_check_at": None, "ended_at": noon()}
    payment.refunds.create(amount_minor=150, status=RefundStatus.SUCCEEDED, **ended)
    payment.refunds.create(amount_minor=200, status=RefundStatus.CANCELED, **ended)
    Payment.objects.update(refunds_minor=150)

    reconcile()

    assert (only().kind, only().state, only().ours, only().theirs) == (
        Kind.REFUNDS,
        State.PARKED,
        "1.50 EUR",
        "0.00 EUR",
    )


@pytest.mark.parametrize("action", ["", "cancel"])
def test_money_that_came_and_went_back_unseen_is_booked_both_ways(shop: Shop, action: str) -> None:
    """The state is mended first: only then is there something that can have gone back."""
    payment = made_yesterday(shop, action)
    shop.sandbox.force(payment.provider_ref, "succeeded")
    shop.sandbox.ledger.refund_by_hand(payment.provider_ref, SandboxMoney("1.50", "EUR"))

    reconcile()

    assert (state_of(Kind.STATUS), state_of(Kind.REFUNDS)) == (State.MENDED, State.MENDED)
    payment = shop.fresh(payment)
    assert (payment.status, payment.refunds_minor, payment.attention) == (Status.SUCCEEDED, 150, Attention.NONE)


def test_a_payment_that_ended_is_not_asked_for_refunds_of_money_it_never_brought(shop: Shop) -> None:
    """Its state differs, and its books do not: nobody is called for them."""
    payment = made_yesterday(shop, "cancel")
    shop.sandbox.force(payment.provider_ref, "pending")

    reconcile()

    assert only().kind == Kind.STATUS
    assert shop.fresh(payment).attention == Attention.NONE


# --- looked at once more ---------------------------------------------------------------------------------------------


def _wrong_amount(shop: Shop) -> tuple[Payment, list[str]]:
    """An open payment that was paid there, with another amount by their list and by their answers."""
    payment = made_yesterday(shop)
    shop.buyer(payment, "pay")
    return payment, [shop.sandbox.fault(where, "wrong_amount") for where in ("list", "status")]


def test_what_is_parked_is_looked_at_again_if_that_may_mend_it(shop: Shop) -> None:
    """The provider has put the amount right; the states differ as before, and the money is booked."""
    payment, faults = _wrong_amount(shop)
    reconcile()
    assert state_of(Kind.STATUS) == State.PARKED

    for fault in faults:
        shop.sandbox.clear_faults(fault)
    reconcile()

    assert (state_of(Kind.AMOUNT), state_of(Kind.STATUS)) == (State.MENDED, State.MENDED)
    assert shop.fresh(payment).status == Status.SUCCEEDED


def test_what_a_person_has_decided_is_not_opened_by_what_a_look_may_mend(shop: Shop) -> None:
    """Both sides say what they said then."""
    _wrong_amount(shop)
    reconcile()
    assert differences.resolve(Difference.objects.get(kind=Kind.STATUS).pk, "ann", "it is being given back")

    reconcile()

    assert (state_of(Kind.AMOUNT), state_of(Kind.STATUS)) == (State.PARKED, State.RESOLVED)


# --- decided ---------------------------------------------------------------------------------------------------------


def test_a_decision_stands_when_the_books_agree(shop: Shop) -> None:
    """Who decided what stays on record; only what nobody decided is called mended."""
    payment = made_yesterday(shop, "pay")
    shop.sandbox.force(payment.provider_ref, "canceled")
    reconcile()
    differences.resolve(only().pk, "ann", "the bank has confirmed it")

    shop.sandbox.force(payment.provider_ref, "succeeded")
    reconcile()

    assert (only().state, only().decided_by) == (State.RESOLVED, "ann")


@pytest.mark.parametrize(("by", "why"), [("ann", " "), (" ", "the bank has confirmed it")])
def test_nobody_resolves_without_a_name_and_a_reason(shop: Shop, by: str, why: str) -> None:
    """Blanks are neither."""
    stranger(shop)
    reconcile()

    with pytest.raises(ValueError, match="needs a name and a reason"):
        differences.resolve(only().pk, by, why)


@pytest.mark.postgres_too
def test_a_decision_that_is_being_written_when_the_difference_is_found_again_stands(shop: Shop) -> None:
    """The day waits for it."""
    theirs = Discrepancy(Kind.UNKNOWN, "sb_1", theirs="succeeded, 9.90 EUR")
    note(day(), [theirs])
    run, pk, is_decided = day(), only().pk, threading.Event()

    def decide() -> None:
        with transaction.atomic():
            differences.resolve(pk, "ann", "not ours")
            is_decided.set()
            wait_until(_somebody_waits_for_it, "the day waits for the decision")

    def find_again() -> None:
        assert is_decided.wait(HANG_S)
        note(run, [theirs])

    at_once(decide, find_again)

    assert only().state == State.RESOLVED


def _somebody_waits_for_it() -> bool:
    """On SQLite whoever comes waits, and it cannot be seen."""
    if connection.vendor == "sqlite":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_one_is_resolved_and_no_other(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """The log says which, and by whom; once, for it is only resolved once."""
    caplog.set_level("INFO")
    one, other = stranger(shop), stranger(shop, reference="another")
    reconcile()
    pk = Difference.objects.get(provider_ref=one).pk

    assert differences.resolve(pk, "ann", "ours after all")
    assert not differences.resolve(pk, "bob", "not ours")

    assert Difference.objects.get(provider_ref=other).state == State.PARKED
    [told] = [record.__dict__ for record in caplog.records if record.message == "difference.resolved"]
    assert (told["difference"], told["by"]) == (pk, "ann")


def test_a_long_name_and_a_long_reason_are_cut(shop: Shop) -> None:
    """To what their columns hold; blanks around them do not count."""
    stranger(shop)
    reconcile()

    assert differences.resolve(only().pk, f" {'n' * 300} ", f" {'w' * 300} ")

    assert (only().decided_by, only().why) == ("n" * 150, "w" * 200)
