"""Errors that a page or command shows to a customer or a manager."""

from typing import ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.money import Money


class CannotOrder(Exception):
    """The order was not placed and nothing was reserved; the message is for the customer."""

    reason: ClassVar[str]
    """In the metric of refused orders."""


class EmptyCart(CannotOrder):
    reason = "empty_cart"

    def __init__(self) -> None:
        super().__init__(_("Your cart is empty."))


class NotEnough(CannotOrder):
    """Sold out, or fewer left than wanted: `left` is the quantity that can still be ordered."""

    reason = "not_enough"

    def __init__(self, product: str, left: int) -> None:
        sold_out = _("“%(product)s” is sold out.") % {"product": product}
        fewer = ngettext("Only %(left)d of “%(product)s” is left.", "Only %(left)d of “%(product)s” are left.", left)
        super().__init__(fewer % {"product": product, "left": left} if left else sold_out)


class NotSold(NotEnough):
    """No longer for sale; there may be stock left."""

    reason = "not_sold"

    def __init__(self, product: str) -> None:
        CannotOrder.__init__(self, _("“%(product)s” is no longer sold.") % {"product": product})


class SeveralCurrencies(CannotOrder):
    """An order is paid with one payment, so it has one currency."""

    reason = "currencies"

    def __init__(self) -> None:
        super().__init__(_("These products have different currencies; please order them separately."))


class TooMuch(CannotOrder):
    reason = "too_much"

    def __init__(self) -> None:
        super().__init__(_("This total is too large for one payment. Please split the order."))


class NothingToPay(CannotOrder):
    """An order is settled by its payment, and no provider takes a payment of 0."""

    reason = "nothing_to_pay"

    def __init__(self) -> None:
        super().__init__(_("There is nothing to pay for this order, so it cannot be placed here. Please write to us."))


class AmountNotTaken(CannotOrder):
    """The payment provider does not take this total; `smallest` is the least that it takes in this currency, if any."""

    reason = "amount_not_taken"

    def __init__(self, total: Money, smallest: Money | None) -> None:
        too_small = _("The smallest total that can be paid is %(smallest)s. Please add something to your order.")
        never = _("A total of %(total)s cannot be paid here. Please write to us.")
        values = {"smallest": smallest and smallest.localized(), "total": total.localized()}
        super().__init__((too_small if smallest else never) % values)


class DeliveryNotOffered(CannotOrder):
    """Switched off since the page was shown, or never offered for this currency."""

    reason = "delivery"

    def __init__(self) -> None:
        super().__init__(_("This delivery method is no longer offered. Please choose another one."))


class CartChanged(CannotOrder):
    """Products, quantities or prices differ from those on the page, perhaps at the same total; `total` is the current
    one.
    """

    reason = "cart_changed"

    def __init__(self, total: Money) -> None:
        changed = _(
            "The cart or its prices have changed since you opened this page: the total is %(total)s now. Nothing has "
            "been ordered yet. Please look at your order again."
        )
        super().__init__(changed % {"total": total.localized()})


class TooManyUnpaid(CannotOrder):
    """`theirs`: unpaid orders of this browser or account; None: the orders are perhaps of others, and stay secret."""

    reason = "unpaid_orders"

    def __init__(self, theirs: int | None) -> None:
        own = ngettext(
            "You have %(n)s order that waits for payment. Please pay or cancel it first.",
            "You have %(n)s orders that wait for payment. Please pay or cancel one of them first.",
            theirs or 0,
        )
        others = _("Nothing has been ordered: too many orders wait for payment. Please try again later, or log in.")
        super().__init__(own % {"n": theirs} if theirs else others)


class TooMuchOfOne(CannotOrder):
    """The product's share of one customer or network is used up; `left` is the quantity that can still be ordered."""

    reason = "unpaid_pieces"

    def __init__(self, product: str, left: int) -> None:
        fewer = ngettext(
            "At most %(left)d of “%(product)s” can be ordered before it is paid.",
            "At most %(left)d of “%(product)s” can be ordered before they are paid.",
            left,
        )
        none = _("No more of “%(product)s” can be ordered until earlier orders are paid. Please try again later.")
        super().__init__((fewer if left else none) % {"product": product, "left": left})


class NothingToReview(Exception):
    """The order is gone, or no longer a delivered one."""

    def __init__(self) -> None:
        super().__init__(_("There is nothing left to review here."))


class ReviewPublished(Exception):
    """A published review is final: nothing was written."""

    def __init__(self) -> None:
        super().__init__(_("Your review has been published and can no longer be changed."))


class CannotReport(Exception):
    """The day is not over, or before the shop's first order; the message says which."""
