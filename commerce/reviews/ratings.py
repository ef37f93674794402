"""What customers think of products: counted by the database when a page asks, out of one index, and kept nowhere.

So it is true at any moment, whoever published or rejected what.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.db.models import Avg, Count

from commerce.models import Product, Review
from commerce.models.review import BEST

REVIEWS_PER_PAGE = 10


@dataclass(frozen=True)
class Rating:
    """Of one product; `average` of none is 0."""

    average: float = 0.0
    count: int = 0
    best: int = BEST

    @property
    def percent(self) -> int:
        """How much of the five stars is coloured.

        >>> [Rating(average, 3).percent for average in (1.0, 4.26, 5.0)]
        [20, 85, 100]
        """
        return round(self.average / self.best * 100)


def with_ratings(products: Collection[Product]) -> list[tuple[Product, Rating]]:
    """Each product with what customers think of it, in one query for all of them."""
    published = Review.objects.filter(product__in=products, status=Review.Status.PUBLISHED)
    rows = published.order_by().values("product").annotate(average=Avg("rating"), count=Count("rating"))
    found = {row["product"]: Rating(row["average"], row["count"]) for row in rows}
    return [(product, found.get(product.pk, Rating())) for product in products]


def published(product: Product) -> "Paginator[Review]":
    """What customers say about it, the last one first."""
    reviews = Review.objects.filter(product=product, status=Review.Status.PUBLISHED)
    return Paginator(reviews.order_by("-id"), REVIEWS_PER_PAGE)
