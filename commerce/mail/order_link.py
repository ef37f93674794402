"""The link in a customer's mails to the order's page: who has it reads the mails of the order's address.

It holds a signature with a salt of its own, over the order's id and mail address. So another signature of the shop
cannot replace it, and a link that was sent to a wrong address ends when the address is corrected. It works for as long
as the order is kept: a customer looks for an old mail.
"""

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from commerce.models import Order

_SIGNER = Signer(salt="commerce.order_link")


def address(order: Order) -> str:
    """The link. It shows the whole order to its holder, so it stands in mails to the customer only, and in no log."""
    token = _SIGNER.signature(_signed(order))
    return settings.SHOP_URL + reverse("order-from-mail", args=[order.public_id, token])


def is_genuine(order: Order, token: str) -> bool:
    """Did we sign this token for the order? Also with an earlier key of SECRET_KEY_FALLBACKS."""
    try:
        _SIGNER.unsign(f"{_signed(order)}{_SIGNER.sep}{token}")
    except BadSignature:
        return False
    return True


def _signed(order: Order) -> str:
    return f"{order.public_id} {order.email}"
