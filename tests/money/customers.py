"""What customers do, in the shop and on the provider's page."""

from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from billing.models import AskedBy
from billing.payments import service as payments
from billing.payments import sweep
from billing.payments.service import PaymentUnresolved
from billing.sandbox.messages import Refused
from commerce import orders
from commerce.errors import NotEnough
from config.due.queue import database_now
from tests.money.scene import Scene, picked, picks, some

ORDERS = 4
"""Few, so that much happens to each."""

TROUBLES = st.sampled_from(["", "", "lost_answer", "reset", "status_500"])
"""How the provider's answer fails to come, once."""

ACTIONS = st.sampled_from(["pay", "pay", "pay", "cancel", "decline", "authorize", "transfer"])


class Customers(Scene):
    """Orders, payments, second thoughts."""

    @precondition(lambda self: len(self.now.orders) < ORDERS)
    @rule(quantity=st.integers(1, 2), introduced=st.booleans(), trouble=TROUBLES)
    def orders(self, quantity: int, introduced: bool, trouble: str) -> None:
        """Not introduced: the web process dies between the two."""
        try:
            payment = self.world.place(quantity)
        except NotEnough:
            return
        if introduced:
            self.world.introduce(payment, trouble)

    @some(lambda books: books.their("pending"))
    @rule(pick=picks, action=ACTIONS, learns=st.booleans())
    def acts_at_the_provider(self, pick: int, action: str, learns: bool) -> None:
        """One whose time to pay ran out is pending in the books until somebody looks at it."""
        their = picked(self.now.their("pending"), pick)
        try:
            self.world.sandbox.act(their.id, action)
        except Refused:
            return
        if learns:
            self.world.post(their, f"payment.{action}")
            self.world.process_callbacks()

    @some(lambda books: [each for each in books.open_payments() if each.provider_ref])
    @rule(pick=picks, action=ACTIONS, early_s=st.sampled_from([1, 2]), late_s=st.sampled_from([0, 1, 2, 3]))
    def acts_at_the_last_moment(self, pick: int, action: str, early_s: int, late_s: int) -> None:
        """Just before the window ends; the workers come when it is over, or nearly."""
        payment = picked([each for each in self.now.open_payments() if each.provider_ref], pick)
        left_s = (payment.window_ends_at - database_now()).total_seconds()
        if left_s > early_s:
            self.world.let_time_pass(left_s - early_s)
        with suppress(Refused):
            self.world.sandbox.act(payment.provider_ref, action)
        self.world.let_time_pass(late_s)
        self.world.shop.sweep()

    @some(lambda books: books.orders)
    @rule(pick=picks, nudge_arrives=st.booleans())
    def comes_back(self, pick: int, nudge_arrives: bool) -> None:
        order = picked(list(self.now.orders.values()), pick)
        if payments.check_reference_now(order.public_id, AskedBy.RETURN) and nudge_arrives:
            sweep.check_one(self.now.payments_of(order)[-1].pk)

    @some(lambda books: books.orders)
    @rule(pick=picks)
    def cancels(self, pick: int) -> None:
        orders.cancel(picked(list(self.now.orders.values()), pick).public_id)

    @some(lambda books: books.orders)
    @rule(pick=picks, trouble=TROUBLES)
    def pays_again(self, pick: int, trouble: str) -> None:
        """While the outcome of one payment is not known, no second one is begun."""
        try:
            payment = orders.pay_again(picked(list(self.now.orders.values()), pick).public_id)
        except PaymentUnresolved:
            return
        if payment:
            self.world.introduce(payment, trouble)
