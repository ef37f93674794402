"""What staff do in the tour's shop, in their own process: orders come back or are delivered, a day is reported."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import uuid4

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import F

from billing.models import Payment
from billing.refunds import service as refunds
from commerce import orders
from commerce.models import Order, Product, Review
from commerce.reviews import links
from commerce.reviews import service as reviews
from tests.backstage import make, registered
from tests.stack.ports import HANG_S, wait_until

Said = tuple[int, str, str]
"""Stars, name and text."""


REFUND_S = HANG_S / 2
"""Shorter than the patience with this process, whose last words then say what was waited for."""


def work(placed: Mapping[str, Mapping[str, Sequence[str]]], said: Sequence[Said]) -> None:
    """By language, ids of orders that shall be refunded or delivered. `said`: the reviews of those delivered.

    The refunded ones are the operator's own. Each model of the admin that has no row gets one.
    Prints links to review pages, by language and by the state of the page.
    """
    refunded = [each for ids in placed.values() for each in ids["refunded"]]
    for payment in Payment.objects.filter(reference__in=refunded):
        refunds.start(payment.pk, None, wanted_by="sam", why="broken on arrival", key=uuid4().hex)
    operator = User.objects.get(username="operator")
    Order.objects.filter(public_id__in=refunded).update(customer=operator)
    for model in registered():
        if not model._default_manager.exists():
            make(model, 1)
    shown = {language: _deliver_and_review(ids["delivered"], said) for language, ids in placed.items()}
    open_ones = Order.objects.filter(public_id__in=refunded).exclude(status="refunded")
    wait_until(lambda: not open_ones.exists(), "the orders were refunded", REFUND_S)
    _report()
    print(json.dumps(shown))


def _deliver_and_review(ids: Sequence[str], said: Sequence[Said]) -> dict[str, str]:
    """The reviews are of the mug; the first customer's other review waits."""
    mug, blend = (Product.objects.get(slug=slug).pk for slug in ("enamel-mug", "house-blend"))
    keys = [Order.objects.get(public_id=public_id).pk for public_id in ids]
    first, last = keys[0], keys[-1]
    for key, (rating, name, text) in zip(keys, said, strict=True):
        orders.mark_delivered(key, "sam")
        review = reviews.write(links.Subject(key, mug), rating, text, name)
        reviews.moderate(review.pk, review.changed_at, Review.Status.PUBLISHED, "sam")
    reviews.write(links.Subject(first, blend), 2, "Too dark for me.", "Ann")
    pages = {"form": (last, blend), "published": (last, mug), "waiting": (first, blend), "over": (last, 0)}
    return {name: links.address(links.Subject(*subject)) for name, subject in pages.items()}


def _report() -> None:
    """Of yesterday: what has ended is moved there first, since a day is counted once it is over."""
    day = timedelta(days=1)
    Order.objects.exclude(ended_at=None).update(placed_at=F("placed_at") - day, ended_at=F("ended_at") - day)
    call_command("report")
