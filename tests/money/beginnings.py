"""Where orders may stand when a run begins, so that not every run has to find its way there."""

from billing.models import AskedBy, Payment
from billing.payments import service as payments
from billing.refunds import follow
from commerce import orders, settlement
from tests.money.world import DAY, HOUR, World


def begin(world: World, beginning: str) -> Payment:
    """One more order, brought to where it is to stand by the ordinary way. Raises NotEnough if it is sold out."""
    payment = world.place(quantity=1 + Payment.objects.count() % 2)
    for deed in BEGINNINGS[beginning]:
        payment = DEEDS[deed](world, payment)
    return payment


def _introduce(world: World, payment: Payment) -> Payment:
    return world.introduce(payment)


def _introduce_in_vain(world: World, payment: Payment) -> Payment:
    return world.introduce(payment, trouble="lost_answer")


def _pay(world: World, payment: Payment) -> Payment:
    world.shop.buyer(payment, "pay")
    return payment


def _decline(world: World, payment: Payment) -> Payment:
    world.shop.buyer(payment, "decline")
    return payment


def _authorize(world: World, payment: Payment) -> Payment:
    world.shop.buyer(payment, "authorize")
    return payment


def _learn(world: World, payment: Payment) -> Payment:
    world.shop.look(payment)
    settlement.settle_due()
    return payment


def _call_off(world: World, payment: Payment) -> Payment:
    orders.cancel(payment.reference)
    return payment


def _pay_again(world: World, payment: Payment) -> Payment:
    again = orders.pay_again(payment.reference)
    assert again is not None, f"{payment} cannot be paid again"
    return world.introduce(again)


def _let_it_expire(world: World, payment: Payment) -> Payment:
    world.let_time_pass(HOUR + 1)
    return payment


def _deliver(world: World, payment: Payment) -> Payment:
    orders.mark_delivered(world.books().order_of(payment).pk, "sam")
    return payment


def _give_some_back(world: World, payment: Payment) -> Payment:
    world.shop.refund(payment, "1.00")
    return payment


def _send_it_in_vain(world: World, payment: Payment) -> Payment:
    world.sandbox.fault("refund", "lost_answer", times=1)
    follow.follow_due("sandbox", 5)
    return payment


def _pay_another_sum(world: World, payment: Payment) -> Payment:
    world.sandbox.force(payment.provider_ref, "succeeded", amount={"value": "99.00", "currency": "EUR"})
    return payment


def _sweep(world: World, payment: Payment) -> Payment:
    world.shop.sweep()
    return payment


def _take_the_first_late(world: World, payment: Payment) -> Payment:
    first = world.books().payments_of(world.books().order_of(payment))[0]
    world.sandbox.force(first.provider_ref, "succeeded")
    return payment


def _look_again(world: World, payment: Payment) -> Payment:
    payments.check_now(world.shop.fresh(payment), AskedBy.OPERATOR)
    world.shop.sweep()
    settlement.settle_due()
    return payment


def _transfer(world: World, payment: Payment) -> Payment:
    world.shop.buyer(payment, "transfer")
    return payment


def _take_weeks(world: World, payment: Payment) -> Payment:
    world.let_time_pass(20 * DAY)
    return payment


def _dispute(world: World, payment: Payment) -> Payment:
    world.sandbox.dispute(payment.provider_ref)
    return payment


def _lose_it(world: World, payment: Payment) -> Payment:
    for dispute in world.books().their_disputes:
        if dispute.payment_id == payment.provider_ref:
            world.sandbox.force_dispute(dispute.id, "lost")
    return payment


def _return_what_was_given_back(world: World, payment: Payment) -> Payment:
    for refund in world.books().their_refunds:
        if refund.payment_id == payment.provider_ref:
            world.sandbox.force_refund(refund.id, "failed")
    return payment


def _forget(world: World, payment: Payment) -> Payment:
    world.sandbox.forget(payment.provider_ref)
    return payment


DEEDS = {
    "transfer": _transfer,
    "take weeks": _take_weeks,
    "dispute": _dispute,
    "lose it": _lose_it,
    "return what was given back": _return_what_was_given_back,
    "forget": _forget,
    "sweep": _sweep,
    "introduce": _introduce,
    "introduce in vain": _introduce_in_vain,
    "pay": _pay,
    "pay another sum": _pay_another_sum,
    "decline": _decline,
    "authorize": _authorize,
    "learn": _learn,
    "call off": _call_off,
    "pay again": _pay_again,
    "let it expire": _let_it_expire,
    "deliver": _deliver,
    "give some back": _give_some_back,
    "send it in vain": _send_it_in_vain,
    "take the first late": _take_the_first_late,
    "look again": _look_again,
}

BEGINNINGS: dict[str, tuple[str, ...]] = {
    "not introduced": (),
    "not known that it is there": ("introduce in vain",),
    "pending": ("introduce",),
    "paid, and not known": ("introduce", "pay"),
    "paid with another sum": ("introduce", "pay another sum", "learn"),
    "held": ("introduce", "authorize", "learn"),
    "paid": ("introduce", "pay", "learn"),
    "delivered": ("introduce", "pay", "learn", "deliver"),
    "partly on its way back": ("introduce", "pay", "learn", "give some back"),
    "partly gone, and not known": ("introduce", "pay", "learn", "give some back", "send it in vain"),
    "refused": ("introduce", "decline", "learn"),
    "refused, and tried again": ("introduce", "decline", "learn", "pay again"),
    "paid at the second try": ("introduce", "decline", "learn", "pay again", "pay", "learn"),
    "paid twice": ("introduce", "decline", "learn", "pay again", "pay", "learn", "take the first late"),
    "called off": ("introduce", "call off", "learn"),
    "expired": ("introduce", "let it expire", "learn"),
    "with the bank": ("introduce", "transfer", "learn"),
    "with a slow bank": ("introduce", "transfer", "learn", "take weeks", "learn"),
    "forgotten there": ("introduce", "learn", "forget"),
    "disputed, and not known": ("introduce", "pay", "learn", "dispute"),
    "disputed": ("introduce", "pay", "learn", "deliver", "dispute", "look again"),
    "lost to a dispute": ("introduce", "pay", "learn", "dispute", "look again", "lose it", "look again"),
    "given back": ("introduce", "pay", "learn", "give some back", "sweep"),
    "given back, and returned": ("introduce", "pay", "learn", "give some back", "sweep", "return what was given back"),
    "known to be returned": (
        "introduce",
        "pay",
        "learn",
        "give some back",
        "sweep",
        "return what was given back",
        "look again",
    ),
    "expired, and taken late": ("introduce", "let it expire", "learn", "take the first late"),
    "expired, and known to be taken late": ("introduce", "let it expire", "learn", "take the first late", "look again"),
}
