"""What people of the shop do: in its admin, and in the provider's own pages."""

from contextlib import suppress
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import rule

from billing import disputes
from billing.callbacks import inbox
from billing.models import Attention, Payment, Refund
from billing.money import Money
from billing.payments import mismatches
from billing.refunds import follow
from billing.refunds import service as refunds
from billing.refunds.service import CannotRefund
from billing.sandbox.messages import Refused
from commerce import late_payments, orders
from tests.money.books import Books
from tests.money.customers import TROUBLES
from tests.money.invariants import OPEN
from tests.money.provider import DAYS
from tests.money.scene import Scene, picked, picks, some
from tests.money.world import DAY

SHARES = st.sampled_from(["", "1.00", "1.00", "4.50", "5.00", "100.00"])
"""How much to give back, in the currency that came; empty: all that is left. Some of it is more than came."""


def undecided(books: Books) -> list[Payment]:
    """What came is not what was asked for, and it is what the provider really has: operators look there first."""
    came = [row for row in books.payments.values() if row.status != "succeeded" and row.received_minor]
    return [payment for payment in came if books.we_hold(payment) == books.they_hold(payment)]


def paid(books: Books) -> list[Payment]:
    """Payments that brought money."""
    return [payment for payment in books.payments.values() if payment.status == "succeeded"]


def waiting_without_money(books: Books) -> list[tuple[Payment, Money | None]]:
    """Open payments with an attention whose outcome is plain at the provider, and what came there (None: nothing)."""
    found: list[tuple[Payment, Money | None]] = []
    for payment in books.open_payments():
        there = books.there(payment)
        came = next((their.amount for their in there if their.status == "succeeded"), None)
        if payment.attention and not any(their.status in OPEN for their in there):
            found.append((payment, Money.parse(came.value, came.currency) if came else None))
    return found


def waiting_refunds(books: Books) -> list[tuple[Refund, bool]]:
    """Refunds that need an operator, and whether they were carried out at the provider."""
    found = []
    for refund in books.refunds.values():
        statuses = {their.status for their in books.refund_there(refund)}
        if refund.attention and "pending" not in statuses:
            found.append((refund, "succeeded" in statuses))
    return found


class Operators(Scene):
    """Refunds, decisions, deliveries."""

    @some(paid)
    @rule(pick=picks, share=SHARES, trouble=TROUBLES, sent=st.booleans())
    def gives_back(self, pick: int, share: str, trouble: str, sent: bool) -> None:
        """The form is sent twice, and the provider's answer to the refund may fail to come."""
        payment, key = picked(paid(self.now), pick), uuid4().hex
        amount = Money.parse(share, payment.currency) if share else None
        for _ in range(2):
            with suppress(CannotRefund):
                refunds.start(payment.pk, amount, wanted_by="olga", why="cold coffee", key=key)
        if trouble:
            self.world.sandbox.fault("refund", trouble, times=1)
        if sent:
            follow.follow_due("sandbox", 5)

    @some(lambda books: books.their("succeeded"))
    @rule(pick=picks, value=st.sampled_from(["0.50", "1.00"]), days=DAYS, posts=st.booleans())
    def gives_back_in_the_providers_pages(self, pick: int, value: str, days: int, posts: bool) -> None:
        """Which the shop's program may hear of, soon or weeks later."""
        their = picked(self.now.their("succeeded"), pick)
        self.world.let_time_pass(days * DAY)
        with suppress(Refused):
            made = self.world.sandbox.refund(their.id, {"value": value, "currency": their.amount.currency})
            self.world.by_hand.add(made["id"])
            if posts:
                self.world.post(their, "refund.succeeded", part=made["id"])
                self.world.process_callbacks()

    @some(waiting_without_money)
    @rule(pick=picks)
    def decides_what_came(self, pick: int) -> None:
        """The provider's own pages show whether money came, and how much: it cannot come any more if it did not."""
        payment, came = picked(waiting_without_money(self.now), pick)
        with suppress(mismatches.CannotDecide):
            if came is None:
                mismatches.close(payment.pk, "olga", "there is none")
            else:
                mismatches.confirm(payment.pk, "olga", "it is there", came)

    @some(waiting_refunds)
    @rule(pick=picks)
    def decides_whether_a_refund_was_carried_out(self, pick: int) -> None:
        """As the provider's own pages show it."""
        refund, carried_out = picked(waiting_refunds(self.now), pick)
        with suppress(CannotRefund):
            if refund.attention == Attention.RETURNED:
                refunds.note_returned(refund.pk, "olga", "the customer is asked")
            elif carried_out:
                refunds.confirm(refund.pk, "olga", "it is there")
            else:
                refunds.give_up(refund.pk, "olga", "it is not there, or failed")

    @some(lambda books: books.disputes)
    @rule(pick=picks)
    def answers_a_dispute(self, pick: int) -> None:
        with suppress(disputes.CannotAnswer):
            disputes.answered(picked(list(self.now.disputes.values()), pick).pk, "olga", "the parcel was signed for")

    @some(lambda books: [each for each in books.payments.values() if each.attention == Attention.REFUNDS_DIFFER])
    @rule(pick=picks)
    def notes_a_difference(self, pick: int) -> None:
        differs = [each for each in self.now.payments.values() if each.attention == Attention.REFUNDS_DIFFER]
        with suppress(mismatches.CannotDecide):
            mismatches.note_difference(picked(differs, pick).pk, "olga", "seen to there")

    @some(undecided)
    @rule(pick=picks, accepts=st.booleans())
    def decides_about_another_sum(self, pick: int, accepts: bool) -> None:
        payment = picked(undecided(self.now), pick)
        with suppress(mismatches.CannotDecide, CannotRefund):
            if accepts:
                mismatches.accept(payment.pk, "olga", "close enough")
            else:
                mismatches.give_back(payment.pk, "olga", "not our price", uuid4().hex)

    @some(paid)
    @rule(pick=picks, decision=st.sampled_from(["accept", "give back", "leave"]))
    def decides_about_late_money(self, pick: int, decision: str) -> None:
        payment = picked(paid(self.now), pick)
        order = self.now.order_of(payment)
        with suppress(late_payments.CannotDecide, CannotRefund):
            if decision == "accept":
                late_payments.accept(order.pk, payment.pk, "olga", "we have some")
            elif decision == "give back":
                late_payments.give_back(order.pk, payment.pk, "olga", "sold out", uuid4().hex)
            else:
                late_payments.keep_parked(order.pk, payment.pk, "olga", "the customer is asked")

    @some(lambda books: [order for order in books.orders.values() if order.status == "paid"])
    @rule(pick=picks)
    def delivers(self, pick: int) -> None:
        orders.mark_delivered(picked(list(self.now.orders.values()), pick).pk, "sam")

    @some(lambda books: books.callbacks)
    @rule(pick=picks)
    def replays_a_callback(self, pick: int) -> None:
        inbox.replay(picked(self.now.callbacks, pick).pk, "olga")
