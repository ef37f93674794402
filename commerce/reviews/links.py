"""The signed link to the review form. It replaces a login: its holder may review one product of one order.

It holds two ids and the time of signing, signed with its own salt, so that another signature of the shop cannot replace
it. It is valid for REVIEW_LINK_VALID_DAYS from signing, even if its mail is late.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.core import signing
from django.urls import reverse

from commerce.models import OrderLine

SALT = "commerce.review"


class Subject(NamedTuple):
    """The order and the product of a link."""

    order_id: int
    product_id: int


class Forged(ValueError):
    """The signature is not ours."""


class Expired(ValueError):
    """The signature is ours, but too old."""


def address(subject: Subject) -> str:
    """The URL for a mail."""
    return settings.SHOP_URL + reverse("review", args=[signing.dumps(subject, salt=SALT)])


def reminder_facts(lines: Sequence[OrderLine]) -> dict[str, object]:
    """Values of the reminder's templates. The links are signed here: they are valid from when the mail is written."""
    asked = [(line, address(Subject(line.order_id, line.product_id))) for line in lines]
    return {"asked": asked, "valid_days": settings.REVIEW_LINK_VALID_DAYS}


def read(token: str) -> Subject:
    """The subject of a link. Raises Forged or Expired."""
    valid = timedelta(days=settings.REVIEW_LINK_VALID_DAYS)
    try:
        return Subject(*signing.loads(token, salt=SALT, max_age=valid))
    except signing.SignatureExpired as error:
        raise Expired from error
    except signing.BadSignature as error:
        raise Forged from error
