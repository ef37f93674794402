"""Errors that a page or command shows to a customer or a manager."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.money import Money


class CannotOrder(Exception):
    """The order was not placed and nothing was reserved; the message is for the customer."""


class EmptyCart(CannotOrder):
    def __init__(self) -> None:
        super().__init__(_("Your cart is empty."))


class NotEnough(CannotOrder):
    """Sold out, or fewer left than wanted: `left` is the quantity that can still be ordered."""

    def __init__(self, product: str, left: int) -> None:
        sold_out = _("“%(product)s” is sold out.") % {"product": product}
        fewer = ngettext("Only %(left)d of “%(product)s” is left.", "Only %(left)d of “%(product)s” are left.", left)
        super().__init__(fewer % {"product": product, "left": left} if left else sold_out)


class NotSold(NotEnough):
    """No longer for sale; there may be stock left."""

    def __init__(self, product: str) -> None:
        CannotOrder.__init__(self, _("“%(product)s” is no longer sold.") % {"product": product})


class SeveralCurrencies(CannotOrder):
    """An order is paid with one payment, so it has one currency."""

    def __init__(self) -> None:
        super().__init__(_("These products have different currencies; please order them separately."))


class TooMuch(CannotOrder):
    def __init__(self) -> None:
        super().__init__(_("This total is too large for one payment. Please split the order."))


class NothingToPay(CannotOrder):
    """An order is settled by its payment, and no provider takes a payment of 0."""

    def __init__(self) -> None:
        super().__init__(_("There is nothing to pay for this order, so it cannot be placed here. Please write to us."))


class AmountNotTaken(CannotOrder):
    """The payment provider does not take this total; `smallest` is the least that it takes in this currency, if any."""

    def __init__(self, total: Money, smallest: Money | None) -> None:
        too_small = _("The smallest total that can be paid is %(smallest)s. Please add something to your order.")
        never = _("A total of %(total)s cannot be paid here. Please write to us.")
        values = {"smallest": smallest and smallest.localized(), "total": total.localized()}
        super().__init__((too_small if smallest else never) % values)


class DeliveryNotOffered(CannotOrder):
    """Switched off since the page was shown, or never offered for this currency."""

    def __init__(self) -> None:
        super().__init__(_("This delivery method is no longer offered. Please choose another one."))


class CartChanged(CannotOrder):
    """Products, quantities or prices differ from those on the page, perhaps at the same total; `total` is the current
    one.
    """

    def __init__(self, total: Money) -> None:
        changed = _(
            "The cart or its prices have changed since you opened this page: the total is %(total)s now. Nothing has "
            "been ordered yet. Please look at your order again."
        )
        super().__init__(changed % {"total": total.localized()})


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
