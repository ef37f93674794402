"""What customers want to do, and how often. `INTENTS` is for `Crowd`."""

from collections.abc import Callable
from functools import partial

from tests.chaos.customers import ENDS, Customer

BANK_TAKES_S = (3.0, 75.0)
"""Until a transfer has ended, a hold is captured, a dispute is decided."""

COMES_BACK_AFTER_S = 20.0
PAYS_LATE_AFTER_S = 50.0
"""The window is 60 s: some of these payments come in time, others do not."""


def pays(customer: Customer) -> None:
    """And returns to the shop."""
    if customer.order_goods() and customer.press("pay", returns=True):
        customer.watch()


def pays_and_leaves(customer: Customer) -> None:
    """Closes the tab."""
    if customer.order_goods():
        customer.press("pay", returns=False)


def double_click(customer: Customer) -> None:
    """Presses the button of the checkout twice."""
    if customer.order_goods(times=2) and customer.press("pay", returns=True):
        customer.watch()


def cancels(customer: Customer) -> None:
    """At the provider."""
    if customer.order_goods() and customer.press("cancel", returns=customer.chance.random() < 0.5):
        customer.watch()


def cancels_in_shop(customer: Customer) -> None:
    """By the button on the order's page."""
    if not customer.order_goods():
        return
    forms = customer.page(f"/orders/{customer.order}/").forms_to("/cancel/")
    if forms and customer.browser.send(forms[0]).ok:
        customer.note("canceled", order=customer.order)
        customer.watch()


def declined_then_pays(customer: Customer) -> None:
    """The card is declined; another one works."""
    if customer.order_goods() and customer.press("decline", returns=True):
        customer.watch("try_again", *ENDS)
        customer.press("pay", returns=True)
        customer.watch()


def declined(customer: Customer) -> None:
    """And gives up."""
    if customer.order_goods():
        customer.press("decline", returns=False)


def never_pays(customer: Customer) -> None:
    """Leaves at the provider's page."""
    customer.order_goods()


def transfers(customer: Customer) -> None:
    """The bank takes a while, and does not always pay."""
    _ends_at_the_bank(customer, "transfer", "failed")


def holds(customer: Customer) -> None:
    """The money is held; later it is taken, or not."""
    _ends_at_the_bank(customer, "authorize", "canceled")


def _ends_at_the_bank(customer: Customer, button: str, otherwise: str) -> None:
    if customer.order_goods() and customer.press(button, returns=True):
        status = "succeeded" if customer.chance.random() < 0.7 else otherwise
        deed = partial(_bank_decides, customer, status)
        customer.crowd.later(customer.chance.uniform(*BANK_TAKES_S), deed)
        customer.watch()


def _bank_decides(customer: Customer, status: str) -> None:
    """Nothing, if the shop has cancelled the payment meanwhile: a bank takes no money for one."""
    known = customer.crowd.at_provider(customer.payment)
    if known is None:
        customer.crowd.later(2, partial(_bank_decides, customer, status))
    elif known["status"] in ("pending", "authorized"):
        done = partial(_bank_did, customer, "end_transfer")
        customer.crowd.bank_later(0, f"payments/{customer.payment}", done, status=status)


def returns_late(customer: Customer) -> None:
    """Pays, closes the tab, and opens the order's page again and again."""
    if customer.order_goods() and customer.press("pay", returns=False):
        for number in (1, 2, 3):
            customer.crowd.later(COMES_BACK_AFTER_S * number / 2, lambda: _returns(customer))


def pays_late(customer: Customer) -> None:
    """About when the window ends."""
    if customer.order_goods():
        after_s = PAYS_LATE_AFTER_S + customer.chance.uniform(0, 15)
        customer.crowd.later(after_s, lambda: _pays_late(customer))


def hammers(customer: Customer) -> None:
    """Opens the return page again and again."""
    if customer.order_goods() and customer.press("pay", returns=False):
        for _ in range(10):
            _returns(customer)


def disputes(customer: Customer) -> None:
    """Pays, and lets the bank fetch the money back."""
    if customer.order_goods() and customer.press("pay", returns=True):
        customer.watch()
        done = partial(_bank_did, customer, "dispute")
        customer.crowd.bank_later(3, f"payments/{customer.payment}/disputes", done, reason="fraudulent")


def refunded_by_hand(customer: Customer) -> None:
    """The shop's owner gives the money back in the provider's own pages, and the shop hears of it."""
    if customer.order_goods() and customer.press("pay", returns=True):
        customer.watch()
        done = partial(_bank_did, customer, "refund_by_hand")
        amount = {"value": "1.00", "currency": "EUR"}
        path = f"payments/{customer.payment}/refunds"
        customer.crowd.bank_later(5, path, done, amount=amount, callback=True)


def _returns(customer: Customer) -> None:
    customer.browser.get(f"/orders/{customer.order}/return/")
    customer.state()


def _pays_late(customer: Customer) -> None:
    if customer.state() not in ENDS:
        customer.press("pay", returns=True)
        customer.watch()


def _bank_did(customer: Customer, did: str) -> None:
    facts = {"order": customer.order, "payment": customer.payment, "amount": ""}
    customer.crowd.notes.note("operators", did=did, status=200, accepted=True, **facts)


Intent = Callable[[Customer], None]

INTENTS: dict[str, tuple[Intent, int]] = {
    "pays": (pays, 30),
    "pays and leaves": (pays_and_leaves, 14),
    "double click": (double_click, 6),
    "cancels": (cancels, 6),
    "cancels in the shop": (cancels_in_shop, 6),
    "declined, then pays": (declined_then_pays, 6),
    "declined": (declined, 4),
    "never pays": (never_pays, 5),
    "transfers": (transfers, 5),
    "holds": (holds, 5),
    "returns late": (returns_late, 4),
    "pays late": (pays_late, 4),
    "hammers": (hammers, 2),
    "disputes": (disputes, 2),
    "refunded by hand": (refunded_by_hand, 1),
}
"""With the number of customers of each kind, of a hundred."""
