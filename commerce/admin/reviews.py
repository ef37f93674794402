"""Where reviews are read before everybody reads them."""

from datetime import datetime

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import truncatechars
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin import ReadOnlyAdmin
from commerce.models import Review
from commerce.reviews import service as reviews

PUBLISHED, REJECTED = Review.Status.PUBLISHED, Review.Status.REJECTED

SEEN = "seen"
"""The fields of the confirmation that say which texts were on it: a review's key, and when that was written."""


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """Reviews. What a customer wrote is nobody's to change; whoever may change reviews decides what is shown."""

    list_display = (
        "id", "product", "rating", "excerpt", "name", "status", "changed_at", "moderated_at", "moderated_by",
        "its_order",
    )  # fmt: skip
    list_filter = ("status", "rating", "changed_at")
    search_fields = ("product__name", "product__name_ru", "name", "text", "order__public_id")
    list_select_related = ("product", "order")
    list_per_page = 50
    show_full_result_count = False
    actions = ("publish", "reject")
    fields = (
        "product", "its_order", "rating", "text", "name", "status", "created_at", "changed_at", "moderated_at",
        "moderated_by",
    )  # fmt: skip
    readonly_fields = ("its_order", "created_at")

    @admin.display(description="text")
    def excerpt(self, review: Review) -> str:
        return truncatechars(review.text, 80)

    @admin.display(description="order", ordering="order_id")
    def its_order(self, review: Review) -> SafeString:
        address = reverse("admin:commerce_order_change", args=[review.order_id])
        return format_html('<a href="{}">{}</a>', address, review.order.public_id)

    @admin.action(description="Publish", permissions=["moderate"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Review]) -> HttpResponse | None:
        """Everybody sees them, and the product's average counts them."""
        return self._moderate(request, queryset, PUBLISHED)

    @admin.action(description="Reject", permissions=["moderate"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Review]) -> HttpResponse | None:
        """Nobody sees them, and nothing counts them; the customer may write anew."""
        return self._moderate(request, queryset, REJECTED)

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        """Django's "may change" is about the decision here."""
        return request.user.has_perm("commerce.change_review")

    def _moderate(self, request: HttpRequest, queryset: QuerySet[Review], status: Review.Status) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self._ask_once_more(request, queryset, status)
        by = request.user.get_username()
        seen = _seen(request)
        moderated = sum(reviews.moderate(key, moment, status, by) for key, moment in sorted(seen.items()))
        if moderated:
            self.message_user(request, f"Reviews {status}: {moderated}.", messages.SUCCESS)
        if others := len(seen) - moderated:
            problem = f"Reviews that were {status} already, or changed by their customers meanwhile: {others}."
            self.message_user(request, problem, messages.WARNING)
        return None

    def _ask_once_more(self, request: HttpRequest, queryset: QuerySet[Review], status: Review.Status) -> HttpResponse:
        """The whole texts, because the list has only their beginnings."""
        page = {
            **self.admin_site.each_context(request),
            "title": "Publish these reviews?" if status == PUBLISHED else "Reject these reviews?",
            "opts": self.model._meta,
            "action": "publish" if status == PUBLISHED else "reject",
            "reviews": queryset.exclude(status=status).select_related("product").order_by("pk"),
            "checkbox": ACTION_CHECKBOX_NAME,
            "seen": SEEN,
        }
        return TemplateResponse(request, "commerce/admin/moderate.html", page)


def _seen(request: HttpRequest) -> dict[int, datetime]:
    """What the confirmation showed; what is no key and moment was on no page of ours."""
    pairs = [value.partition("@") for value in request.POST.getlist(SEEN)]
    moments = [(key, parse_datetime(moment)) for key, _at, moment in pairs if key.isdecimal() and len(key) <= 18]
    return {int(key): moment for key, moment in moments if moment and moment.tzinfo}
