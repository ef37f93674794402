"""What the provider does, and gets wrong."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from billing.sandbox.payment import Payment as TheirPayment
from tests.money.scene import Scene, picked, picks, some

UNPAID = ("canceled", "expired", "failed")

EVENTS = st.sampled_from(["payment.succeeded", "payment.canceled", "payment.pending"])
SUMS = st.sampled_from([("1.00", "EUR"), ("99.00", "EUR"), ("4.50", "USD")])
FAULTS = st.sampled_from([
    "lost_answer", "lost_answer", "lost_answer", "reset", "status_500", "status_502_html", "status_429", "not_json",
    "not_found", "unauthorized", "unknown_status", "wrong_amount", "wrong_currency", "wrong_reference",
])  # fmt: skip
PLACES = st.sampled_from(["any", "create", "status", "cancel", "refund"])


class Provider(Scene):
    """Takes money late, takes other sums, gives wrong answers or none, and posts callbacks true and false."""

    @some(lambda books: books.their("authorized"))
    @rule(pick=picks, status=st.sampled_from(["succeeded", "canceled"]))
    def decides_about_held_money(self, pick: int, status: str) -> None:
        self.world.sandbox.force(picked(self.now.their("authorized"), pick).id, status)

    @some(lambda books: books.their(*UNPAID))
    @rule(pick=picks, posts=st.booleans())
    def takes_money_late(self, pick: int, posts: bool) -> None:
        their = picked(self.now.their(*UNPAID), pick)
        self.world.sandbox.force(their.id, "succeeded")
        if posts:
            self.world.post(their, "payment.succeeded")
            self.world.process_callbacks()

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
        if posts:
            self.world.post(their, "payment.succeeded")
            self.world.process_callbacks()

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

    def _any_payment(self, pick: int) -> TheirPayment:
        return picked(list(self.now.theirs.values()), pick)
