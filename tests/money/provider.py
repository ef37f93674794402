"""What the provider does, and gets wrong."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from billing.sandbox.payment import Payment as TheirPayment
from billing.sandbox.payment import Refund as TheirRefund
from tests.money.books import Books
from tests.money.scene import Scene, picked, picks, some
from tests.money.world import DAY

UNPAID = ("canceled", "expired", "failed")

DAYS = st.sampled_from([0, 0, 1, 10, 20])
"""Days until something happens: after the nights on which a day is compared, and after the longest wait for a bank."""

EVENTS = st.sampled_from(["payment.succeeded", "payment.canceled", "payment.pending"])
SUMS = st.sampled_from([("1.00", "EUR"), ("99.00", "EUR"), ("4.50", "USD")])
FAULTS = st.sampled_from([
    "lost_answer", "lost_answer", "lost_answer", "reset", "status_500", "status_502_html", "status_429", "not_json",
    "not_found", "unauthorized", "unknown_status", "wrong_amount", "wrong_currency", "wrong_reference",
])  # fmt: skip
PLACES = st.sampled_from(["any", "create", "status", "cancel", "refund"])


def working(books: Books) -> list[TheirPayment]:
    """Payments that a bank is working on."""
    return [their for their in books.theirs.values() if their.working]


def forgettable(books: Books) -> list[TheirPayment]:
    """Payments without money: no provider forgets others."""
    return [their for their in books.their("pending", *UNPAID) if not their.working]


def returnable(books: Books) -> list[TheirRefund]:
    """Refunds that have succeeded there, of payments that are paid there."""
    return [refund for refund in books.their_refunds if refund.status == "succeeded"]


class Provider(Scene):
    """Takes money late, takes other sums, gives wrong answers or none, and posts callbacks true and false."""

    @some(lambda books: books.their("authorized"))
    @rule(pick=picks, status=st.sampled_from(["succeeded", "canceled"]))
    def decides_about_held_money(self, pick: int, status: str) -> None:
        self.world.sandbox.force(picked(self.now.their("authorized"), pick).id, status)

    @some(working)
    @rule(pick=picks, status=st.sampled_from(["succeeded", "failed"]), days=DAYS, posts=st.booleans())
    def ends_a_transfer(self, pick: int, status: str, days: int, posts: bool) -> None:
        """The bank takes its time, and may take longer than it says."""
        their = picked(working(self.now), pick)
        self.world.let_time_pass(days * DAY)
        self.world.shop.sweep()
        self.world.sandbox.force(their.id, status, "transfer_refused" if status == "failed" else "")
        self._post(posts, their, f"payment.{status}")

    @some(forgettable)
    @rule(pick=picks)
    def forgets(self, pick: int) -> None:
        """An unpaid payment, as if it had never been."""
        self.world.sandbox.forget(picked(forgettable(self.now), pick).id)

    @some(lambda books: books.their("succeeded"))
    @rule(pick=picks, value=st.sampled_from(["", "1.00"]), inquiry=st.booleans(), days=DAYS, posts=st.booleans())
    def opens_a_dispute(self, pick: int, value: str, inquiry: bool, days: int, posts: bool) -> None:
        """Of all that came or a part, days or weeks after it."""
        their = picked(self.now.their("succeeded"), pick)
        self.world.let_time_pass(days * DAY)
        amount = {"amount": {"value": value, "currency": their.amount.currency}} if value else {}
        made = self.world.sandbox.dispute(their.id, inquiry=inquiry, **amount)
        self._post(posts, their, "dispute.opened", made["id"])

    @some(lambda books: books.their_disputes)
    @rule(pick=picks, status=st.sampled_from(["open", "review", "won", "lost", "lost"]), posts=st.booleans())
    def moves_a_dispute(self, pick: int, status: str, posts: bool) -> None:
        """A decision that is taken back comes with its callback: nobody would ask about a dispute that has ended."""
        dispute = picked(self.now.their_disputes, pick)
        posts = posts or dispute.status in ("won", "lost")
        self.world.sandbox.force_dispute(dispute.id, status)
        self._post(posts, self.now.theirs[dispute.payment_id], f"dispute.{status}", dispute.id)

    @some(returnable)
    @rule(pick=picks, days=DAYS, posts=st.booleans())
    def returns_a_refund(self, pick: int, days: int, posts: bool) -> None:
        """The buyer's bank has sent the money back."""
        refund = picked(returnable(self.now), pick)
        self.world.let_time_pass(days * DAY)
        self.world.sandbox.force_refund(refund.id, "failed", "account_closed")
        self._post(posts, self.now.theirs[refund.payment_id], "refund.failed", refund.id)

    @some(lambda books: books.their(*UNPAID))
    @rule(pick=picks, posts=st.booleans())
    def takes_money_late(self, pick: int, posts: bool) -> None:
        their = picked(self.now.their(*UNPAID), pick)
        self.world.sandbox.force(their.id, "succeeded")
        self._post(posts, their, "payment.succeeded")

    @some(lambda books: books.their(*UNPAID))
    @rule(pick=picks)
    def takes_a_payment_up_again(self, pick: int) -> None:
        """As with cards: another try after a refused one."""
        their = picked(self.now.their(*UNPAID), pick)
        self.world.taken_up.add(their.id)
        self.world.sandbox.force(their.id, "pending")
        self.world.post(their, "payment.pending")
        self.world.process_callbacks()

    @some(lambda books: books.their("pending", *UNPAID))
    @rule(pick=picks, money=SUMS, posts=st.booleans())
    def takes_another_sum(self, pick: int, money: tuple[str, str], posts: bool) -> None:
        their = picked(self.now.their("pending", *UNPAID), pick)
        self.world.sandbox.force(their.id, "succeeded", amount={"value": money[0], "currency": money[1]})
        self._post(posts, their, "payment.succeeded")

    @some(lambda books: books.theirs)
    @rule(pick=picks, event=EVENTS, number=st.sampled_from([None, None, 1, 2]), processed=st.booleans())
    def posts_a_callback(self, pick: int, event: str, number: int | None, processed: bool) -> None:
        """True, false or late; with the same number, a repeat."""
        self.world.post(self._any_payment(pick), event, number=number)
        if processed:
            self.world.process_callbacks()

    @some(lambda books: books.theirs)
    @rule(pick=picks)
    def is_impersonated(self, pick: int) -> None:
        self.world.post(self._any_payment(pick), "payment.succeeded", secret="guessed")

    @rule(where=PLACES, kind=FAULTS, times=st.integers(1, 2))
    def gives_wrong_answers(self, where: str, kind: str, times: int) -> None:
        self.world.sandbox.fault(where, kind, times=times)

    @rule()
    def is_well_again(self) -> None:
        self.world.sandbox.clear_faults()

    @rule(status=st.sampled_from(["pending", "succeeded", "failed"]))
    def carries_refunds_out(self, status: str) -> None:
        """From now on: later, at once, or never."""
        self.world.sandbox.refunds_start_as(status)

    @precondition(lambda self: any(refund.status == "pending" for refund in self.now.their_refunds))
    @rule(pick=picks, status=st.sampled_from(["succeeded", "succeeded", "failed"]))
    def decides_about_a_refund(self, pick: int, status: str) -> None:
        waiting = [refund for refund in self.now.their_refunds if refund.status == "pending"]
        self.world.sandbox.force_refund(picked(waiting, pick).id, status)

    def _post(self, posts: bool, their: TheirPayment, event: str, part: str = "") -> None:
        if posts:
            self.world.post(their, event, part=part)
            self.world.process_callbacks()

    def _any_payment(self, pick: int) -> TheirPayment:
        return picked(list(self.now.theirs.values()), pick)
