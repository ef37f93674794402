"""The list *What always holds* of the README, in its order, as checks. Each begins with the words of its line there.

`was` are the books before the last step, `now` those after it. Some of it holds only when it is `quiet`: nothing is due
then, and the provider can be reached. States are written out here and not taken from the code, or a wrong arrow there
would be right here.
"""

from collections import Counter
from collections.abc import Callable, Mapping

from billing.models import Payment, Refund
from billing.states import RefundStatus
from commerce.models import Notification, Order, OrderEvent
from tests.money.books import Books

Invariant = Callable[[Books, Books, bool], None]
WithStatus = Payment | Refund | Order

OPEN = {"created", "pending", "authorized"}
UNPAID = {"canceled", "expired", "failed"}
REFUND_OPEN = {"created", "pending"}

NOTHING = frozenset[str]()

PAYMENT_MAY_BECOME = {**dict.fromkeys(UNPAID, frozenset({"succeeded"})), "succeeded": NOTHING}
REFUND_MAY_BECOME = {**dict.fromkeys(("canceled", "failed"), NOTHING), "succeeded": frozenset({"failed"})}
ORDER_MAY_BECOME = {
    # By way of paid: one step of the machine may be several of the order.
    **dict.fromkeys(("canceled", "expired"), frozenset({"paid", "delivered", "refunded"})),
    "paid": frozenset({"delivered", "refunded"}),
    "delivered": frozenset({"refunded"}),
    "refunded": NOTHING,
}
WITH_MONEY = {"paid", "delivered", "refunded"}


def money(_was: Books, now: Books, quiet: bool) -> None:
    """Money.

    At any time, nothing counts as paid for which the provider has no money, and nothing that has come to an end unpaid
    can be paid any more, unless the provider takes it up again.
    """
    for payment in now.payments.values():
        their = now.theirs.get(payment.provider_ref)
        if payment.status == "succeeded":
            there = {each.status for each in now.there(payment)}
            assert there, f"{payment} is not known there"
            assert "succeeded" in there, f"{payment} is {there} there"
        elif payment.status in UNPAID and their and their.id not in now.taken_up:
            assert their.status not in OPEN, f"{payment} can still be paid there"
        if quiet and payment.status == "succeeded":
            ours = {each.provider_ref: each.status for each in now.disputes_of(payment)}
            theirs = {each.id: each.status for each in now.their_disputes if each.payment_id == payment.provider_ref}
            assert ours == theirs, f"{payment} has the disputes {ours} here, {theirs} there"
        if quiet and now.we_hold(payment) != now.they_hold(payment):
            assert _is_known(payment, now), f"{payment}: {now.we_hold(payment)} here, {now.they_hold(payment)} there"
    known = {payment.provider_ref for payment in now.payments.values()}
    assert not quiet or {their.id for their in now.their("succeeded")} <= known, "money that nobody here knows of"


def refunds(_was: Books, now: Books, _quiet: bool) -> None:
    """Refunds."""
    for payment in now.payments.values():
        of_it = now.refunds_of(payment)
        holding = sum(each.amount_minor for each in of_it if each.status in REFUND_OPEN | {"succeeded"})
        came = payment.received.minor if payment.received else 0
        assert payment.refunds_minor == holding, f"{payment}: its refunds hold {holding}, not {payment.refunds_minor}"
        assert holding <= came, f"{payment}: {holding} of {came} goes back"
        there = [each.id for each in now.their_refunds if each.payment_id == payment.provider_ref]
        sent = [each for each in of_it if each.sent_at is not None]
        assert len(set(there) - now.by_hand) <= len(sent), f"{payment}: {there} there, {sent} were sent"


def one_confirmation(_was: Books, now: Books, quiet: bool) -> None:
    """One confirmation."""
    for order in now.orders.values():
        mails = [each for each in now.notifications if each.order_id == order.pk]
        kinds = Counter(each.kind for each in mails)
        wanted = 1 if order.status in WITH_MONEY else 0
        assert kinds["order_confirmation"] == kinds["seller_notification"] == wanted, f"{order}: {kinds}"
        assert kinds["payment_link"] <= 1, f"{order}: {kinds}"
        back = [each for payment in now.payments_of(order) for each in now.refunds_of(payment)]
        ever = {f"refund {each.refund_id}" for each in now.events if each.refund_id and each.target == "succeeded"}
        occasions = [each.occasion for each in mails if each.kind == "money_back"]
        assert len(set(occasions)) == len(occasions), f"{order}: {occasions}"
        assert set(occasions) <= ever & {f"refund {each.pk}" for each in back}, f"{order}: {occasions} for {back}"
        done = {f"refund {each.pk}" for each in back if each.status == "succeeded"}
        assert not quiet or done <= set(occasions), f"{order}: {occasions} for {back}"


def no_way_back(was: Books, now: Books, _quiet: bool) -> None:
    """No way back."""
    _assert_followed(PAYMENT_MAY_BECOME, was.payments, now.payments)
    _assert_followed(REFUND_MAY_BECOME, was.refunds, now.refunds)
    _assert_followed(ORDER_MAY_BECOME, was.orders, now.orders)


def one_payment_for_one_order(was: Books, now: Books, _quiet: bool) -> None:
    """One payment for one order."""
    paid_with = [order.paid_with_id for order in now.orders.values() if order.paid_with_id]
    assert len(set(paid_with)) == len(paid_with), "a payment paid two orders"
    for order in now.orders.values():
        own = now.payments_of(order)
        unknown = [payment for payment in own if payment.status in OPEN]
        assert len(unknown) <= 1, f"{order} has the open payments {unknown}"
        assert not unknown or order.status not in {"canceled", "expired"}, f"{order} ended before {unknown[0]}"
        assert (order.paid_with_id is not None) == (order.status in WITH_MONEY), f"{order} with {order.paid_with_id}"
        if order.paid_with_id:
            assert order.paid_with_id in [payment.pk for payment in own if payment.status == "succeeded"], order
        there = [their for their in now.theirs.values() if their.reference == order.public_id]
        assert len(there) <= len(own), f"{order}: {len(there)} payments there, {len(own)} here"
        before = [payment for payment in own if payment.pk in was.payments]
        if before and len(before) < len(own):
            undecided = [each for each in before if was.payments[each.pk].status not in UNPAID]
            assert not undecided, f"{order}: a second payment was begun beside {undecided}"


def nothing_is_due_for_ever(_was: Books, now: Books, quiet: bool) -> None:
    """Nothing is due for ever."""
    for row in (*now.payments.values(), *now.refunds.values()):
        if row.status in OPEN:
            assert row.next_check_at, row
            assert not quiet or row.attention, f"{row} goes on for ever"
        else:
            assert not quiet or row.next_check_at is None, f"{row} has ended, and is asked about for ever"
    for order in now.orders.values():
        waits = order.status == "awaiting_payment"
        assert (order.expires_at is None) != waits, order
        undecided = [payment for payment in now.payments_of(order) if payment.status in OPEN and payment.attention]
        assert not (quiet and waits) or undecided, f"{order} waits for ever"
    if quiet:
        assert not [each for each in now.events if each.settle_after], "an event is never settled"
        assert not [each for each in now.callbacks if each.process_after], "a callback is never processed"
        assert {each.status for each in now.notifications} <= {Notification.Status.SENT}, "a mail is never sent"


def stock_adds_up(was: Books, now: Books, _quiet: bool) -> None:
    """Stock adds up."""
    assert now.stock >= 0, f"{now.stock} are left"
    assert now.stock + now.held == was.stock + was.held, f"{now.stock} are left and {now.held} held"


def no_money_is_silent(_was: Books, now: Books, quiet: bool) -> None:
    """No money is silent."""
    for payment in now.payments.values():
        if quiet and payment.status == "succeeded":
            order = now.order_of(payment)
            back = now.refunds_of(payment, RefundStatus.CREATED, RefundStatus.PENDING, RefundStatus.SUCCEEDED)
            told = order.attention_note or _somebody_decided(order, now) or now.disputes_of(payment)
            assert order.paid_with_id == payment.pk or back or told, f"nobody hears of {payment} for {order}"


INVARIANTS: tuple[Invariant, ...] = (
    money,
    refunds,
    one_confirmation,
    no_way_back,
    one_payment_for_one_order,
    nothing_is_due_for_ever,
    stock_adds_up,
    no_money_is_silent,
)


def _is_known(payment: Payment, books: Books) -> bool:
    """A person is called, or has noted the difference: its note stays."""
    about_refunds = any(refund.attention for refund in books.refunds_of(payment))
    return about_refunds or bool(payment.attention or payment.attention_note)


def _somebody_decided(order: Order, books: Books) -> bool:
    decided = {OrderEvent.Kind.DECIDED, OrderEvent.Kind.LOOKED_AT}
    return any(each.order_id == order.pk and each.kind in decided for each in books.order_events)


def _assert_followed(
    may_become: Mapping[str, frozenset[str]], was: Mapping[int, WithStatus], now: Mapping[int, WithStatus]
) -> None:
    assert was.keys() <= now.keys(), "rows are gone"
    for key, row in was.items():
        before, after = row.status, now[key].status
        assert after == before or after in may_become.get(before, {after}), f"from {before} to {after}"
