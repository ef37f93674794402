"""Ratings of products. Each page view counts them in the database, from one index; they are not stored.

So they are always current after a review is published or rejected.
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
    """The rating of one product; `average` is 0 without reviews."""

    average: float = 0.0
    count: int = 0
    best: int = BEST

    @property
    def percent(self) -> int:
        """The coloured part of the five stars.

        >>> [Rating(average, 3).percent for average in (1.0, 4.26, 5.0)]
        [20, 85, 100]
        """
        return round(self.average / self.best * 100)


def with_ratings(products: Collection[Product]) -> list[tuple[Product, Rating]]:
    """Each product with its rating, in one query for all."""
    published = Review.objects.filter(product__in=products, status=Review.Status.PUBLISHED)
    rows = published.order_by().values("product").annotate(average=Avg("rating"), count=Count("rating"))
    found = {row["product"]: Rating(row["average"], row["count"]) for row in rows}
    return [(product, found.get(product.pk, Rating())) for product in products]


def published(product: Product) -> "Paginator[Review]":
    """The published reviews of a product, newest first."""
    reviews = Review.objects.filter(product=product, status=Review.Status.PUBLISHED)
    return Paginator(reviews.order_by("-id"), REVIEWS_PER_PAGE)
