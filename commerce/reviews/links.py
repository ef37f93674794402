"""The link that opens the review form without login: whoever has it is the customer, for one product of one order.

It holds two ids and the time it was made, signed with a salt of its own, so that no other signature of the shop can
stand in for it. It is valid for REVIEW_LINK_VALID_DAYS from when it was made, however late its mail arrives.
"""

from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.core import signing
from django.urls import reverse

SALT = "commerce.review"


class Subject(NamedTuple):
    """What a link is about."""

    order_id: int
    product_id: int


class Forged(ValueError):
    """We have not signed this."""


class Expired(ValueError):
    """We have signed this, too long ago."""


def address(subject: Subject) -> str:
    """A link for a mail."""
    return settings.SHOP_URL + reverse("review", args=[signing.dumps(subject, salt=SALT)])


def read(token: str) -> Subject:
    """What the link is about. Raises Forged or Expired."""
    valid = timedelta(days=settings.REVIEW_LINK_VALID_DAYS)
    try:
        return Subject(*signing.loads(token, salt=SALT, max_age=valid))
    except signing.SignatureExpired as error:
        raise Expired from error
    except signing.BadSignature as error:
        raise Forged from error
