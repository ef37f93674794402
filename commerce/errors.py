"""What a customer can run into, said so that the page can show it, and what a manager can.

CannotOrder
├── EmptyCart
├── NotEnough           sold out, or fewer left than wanted
│   └── NotSold         the shop has taken it off the shelf
├── SeveralCurrencies   an order is paid with one payment, so it has one currency
├── TooMuch             more than any payment can hold
├── DeliveryNotOffered  switched off since the page was shown, or never offered for this currency
└── TotalChanged        a price is another one than the page showed

CannotReview
├── NothingToReview     the order is gone, or is no delivered one any more
└── ReviewPublished     it stands on the product's page as it is

CannotReport            the day is not over, or before the shop's time
"""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.money import Money


class CannotOrder(Exception):
    """The order was not placed and nothing was reserved; the message is for the customer."""


class EmptyCart(CannotOrder):
    def __init__(self) -> None:
        super().__init__(_("Your cart is empty."))


class NotEnough(CannotOrder):
    """`left` is what could be had at most."""

    def __init__(self, product: str, left: int) -> None:
        sold_out = _("“%(product)s” is sold out.") % {"product": product}
        fewer = ngettext("Only %(left)d of “%(product)s” is left.", "Only %(left)d of “%(product)s” are left.", left)
        super().__init__(fewer % {"product": product, "left": left} if left else sold_out)


class NotSold(NotEnough):
    """There may be some left, but not for sale."""

    def __init__(self, product: str) -> None:
        CannotOrder.__init__(self, _("“%(product)s” is not sold any more.") % {"product": product})


class SeveralCurrencies(CannotOrder):
    def __init__(self) -> None:
        super().__init__(_("These products have different currencies; please order them separately."))


class TooMuch(CannotOrder):
    def __init__(self) -> None:
        super().__init__(_("This is more than one payment can hold; please order it in parts."))


class DeliveryNotOffered(CannotOrder):
    def __init__(self) -> None:
        super().__init__(_("This way of delivery is not offered any more; please choose again."))


class TotalChanged(CannotOrder):
    """`total` is what it would cost now."""

    def __init__(self, total: Money) -> None:
        changed = _("Prices have changed: the total is %(total)s now. Nothing has been ordered yet.")
        super().__init__(changed % {"total": total})


class CannotReview(Exception):
    """Nothing was written; the message is for the customer."""


class NothingToReview(CannotReview):
    def __init__(self) -> None:
        super().__init__(_("There is nothing to review here any more."))


class ReviewPublished(CannotReview):
    def __init__(self) -> None:
        super().__init__(_("Your review has been published meanwhile and cannot be changed any more."))


class CannotReport(Exception):
    """There is no report of that day; the message says why, for whoever asked."""
