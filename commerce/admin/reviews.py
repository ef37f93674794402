"""The admin of reviews: moderation."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import truncatechars
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.admin.bases import ReadOnlyAdmin, link_to_row
from commerce.models import Order, Review
from commerce.order_number import pk_of
from commerce.reviews import service as reviews
from config.actions import Action, Question, Subject, Text, row_of
from config.actions.admin import ActionAdmin


class Moderation(Question):
    """Carries which texts were on the page, as key and time of change of each review."""

    seen = forms.Field(widget=forms.MultipleHiddenInput, required=False)

    def __init__(self, subjects: Sequence[Subject], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(subjects, data)
        reviews_shown = [subject.row for subject in subjects if isinstance(subject.row, Review)]
        self.initial["seen"] = [f"{review.pk}@{review.changed_at.isoformat()}" for review in reviews_shown]

    def clean_seen(self) -> dict[int, datetime]:
        """Drops forged values: every value of ours has a key and a time."""
        pairs = [value.partition("@") for value in self.cleaned_data["seen"] or []]
        moments = [(key, parse_datetime(moment)) for key, _at, moment in pairs if key.isdecimal() and len(key) <= 18]
        return {int(key): moment for key, moment in moments if moment and moment.tzinfo}


def _moderate(review_id: int, by: str, seen: Mapping[int, datetime], *, status: Review.Status) -> bool:
    return review_id in seen and reviews.moderate(review_id, seen[review_id], status, by)


def _action(name: str, title: Text, explanation: Text, status: Review.Status, done: Text, left_alone: Text) -> Action:
    return Action(
        name, title, explanation, ("commerce.change_review",), row_of(Review), partial(_moderate, status=status),
        done, left_alone, Moderation, lambda review: review.status != status, template="commerce/admin/moderate.html",
    )  # fmt: skip


MODERATION = (
    _action(
        "publish", _("Publish"), _("All customers see them, and the product's average counts them."),
        Review.Status.PUBLISHED, _("Reviews published"),
        _("Reviews that are published already, or were changed by their customers meanwhile"),
    ),
    _action(
        "reject", _("Reject"), _("They are not shown and not counted; the customer may write again."),
        Review.Status.REJECTED, _("Reviews rejected"),
        _("Reviews that are rejected already, or were changed by their customers meanwhile"),
    ),
)  # fmt: skip


@admin.register(Review)
class ReviewAdmin(ActionAdmin, ReadOnlyAdmin):
    """Staff cannot change a review's text; "change review" is the permission to moderate."""

    list_display = (
        "id", "product", "rating", "excerpt", "name", "status", "changed_at", "moderated_at", "moderated_by",
        "its_order",
    )  # fmt: skip
    list_filter = ("status", "rating", "changed_at")
    search_fields = ("product__name", "product__name_ru", "name", "text", "order__public_id")
    list_select_related = ("product", "order")
    list_per_page = 50
    show_full_result_count = False
    list_actions = MODERATION
    fields = (
        "product", "its_order", "rating", "text", "name", "status", "created_at", "changed_at", "moderated_at",
        "moderated_by",
    )  # fmt: skip
    readonly_fields = ("its_order", "created_at")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """Also by the number of the order."""
        if key := pk_of(search_term):
            return queryset.filter(order=key), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=pgettext_lazy("name", "text"))
    def excerpt(self, review: Review) -> str:
        return truncatechars(review.text, 80)

    @admin.display(description=pgettext_lazy("name", "order"), ordering="order_id")
    def its_order(self, review: Review) -> SafeString:
        return link_to_row(Order, review.order_id, review.order.number)
