"""The common base of the admin's lists, pages and filters."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import F, Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from billing.lookup import number_in
from config.actions import Text
from config.database.counts import FirstPages
from config.formats.sentences import shown

if TYPE_CHECKING:
    AnyAdmin = admin.ModelAdmin[Any]
    AnyInline = admin.TabularInline[Any, Any]
    AnyForm = ModelForm[Any]
    AnyFormSet = BaseInlineFormSet[Any, Any, Any]
else:
    # Django's classes take a model in brackets only for the type checker.
    AnyAdmin = admin.ModelAdmin
    AnyInline = admin.TabularInline
    AnyForm = ModelForm
    AnyFormSet = BaseInlineFormSet


MOST_WORDS = 10
"""Words of a search that are looked up: each may cost a query, and SQLite has a limit of conditions."""


class NothingByHand:
    """Rows that programs write: operators read them, and cannot add, change or delete them."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


class Rows(ChangeList):
    """A list that no address can break: PostgreSQL has no texts with a NUL in them, and dates no days of 20 digits."""

    def get_queryset(self, request: HttpRequest, *args: Any, **options: Any) -> QuerySet[Any]:
        if any("\0" in text for text in request.GET.values()):
            raise IncorrectLookupParameters
        try:
            return super().get_queryset(request, *args, **options)
        except OverflowError as error:
            raise IncorrectLookupParameters from error

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        """Where no column sorts, neither does the address: sorting a large table by a column reads all of it."""
        return ["-pk"] if self.sortable_by == () else super().get_ordering(request, queryset)


class NamedFields(AnyForm):
    """A row of a list that can be edited there: each field says for a screen reader what it is, and of which row."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{field.label}: {self.instance}"


class OurAdmin(AnyAdmin):
    """A list with filters on texts, and pages that save only what the form changed: rows move meanwhile."""

    class Media:
        css: ClassVar = {"all": ["config/admin.css"]}

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return Rows

    def get_changelist_form(self, request: HttpRequest, **options: Any) -> Any:
        return super().get_changelist_form(request, **{"form": NamedFields, **options})

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """No key has a NUL, which PostgreSQL would not accept in a question."""
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return super().get_search_results(request, queryset, " ".join(search_term.split()[:MOST_WORDS]))

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            super().save_model(request, obj, form, change)


class ReadOnlyAdmin(NothingByHand, OurAdmin):
    """A list and pages without a save button."""


class StoredRows(AnyFormSet):
    """The rows of the database. What a form says of them, like their number, is not read, and nothing is saved."""

    def __init__(self, data: Any = None, files: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.new_objects, self.changed_objects, self.deleted_objects = [], [], []

    def is_valid(self) -> bool:
        return True

    def save(self, commit: bool = True) -> list[Any]:
        return []


class ReadOnlyInline(NothingByHand, AnyInline):
    """Rows of another table, for reading."""

    formset = StoredRows
    extra = 0
    show_change_link = True
    fields: ClassVar[tuple[str, ...]] = ()

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """All of them; times that the database writes are shown only when they are named here."""
        return self.fields


class LargeTable(OurAdmin):
    """A list that opens at once, also over a million rows.

    So counts have a limit, the newest row comes first and no column sorts, filters have no counts, and the search reads
    an index: see `named`.
    """

    paginator = FirstPages
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    list_per_page = 50

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The rows that the whole text names, and those that each of its words names."""
        words = search_term.split()[:MOST_WORDS]
        found = Q(*map(self.named, words))
        if len(words) > 1:
            found |= self.named(" ".join(words))
        return queryset.filter(found), False

    def named(self, word: str) -> Q:
        """The rows that an operator may mean by this; each part of the condition has an index."""
        return Q(pk=number_in(word))


def money(name: str, ordering: str | None = None) -> Callable[[Any, Model], str]:
    """A column, or a line of a page, with this amount as the reader's language writes it."""

    @admin.display(description=pgettext_lazy("name", name), ordering=ordering)
    def shown(_admin: Any, row: Model) -> str:
        return str(getattr(row, name).localized())

    return shown


def sentence(column: str) -> Any:
    """A column of stored sentences, for `fields` and `list_display`: in the reader's language."""

    @admin.display(description=pgettext_lazy("name", column.replace("_", " ")))
    def in_words(self: Any, row: Model) -> str:
        return shown(getattr(row, column)) or str(self.get_empty_value_display())

    return in_words


def page_of(model: type[Model], key: object) -> str:
    """The path of the page of one row."""
    return reverse(_address(model, "change"), args=[key])


def link_to_row(model: type[Model], key: object, text: object) -> SafeString:
    """To the page of one row."""
    return format_html('<a href="{}">{}</a>', page_of(model, key), text)


def link_to_console(payment_id: int) -> SafeString | None:
    """To the payment's page in the console, if the project has one: it says why the payment is where it is."""
    try:
        address = reverse("console:payment", args=[payment_id])
    except NoReverseMatch:
        return None
    text = gettext("payment %(pk)s in the console") % {"pk": payment_id}
    return format_html('<a href="{}">{}</a>', address, text)


def link_to_search(model: type[Model], word: str, text: object) -> SafeString:
    """To the rows of a list that a word finds."""
    address = f"{reverse(_address(model, 'changelist'))}?{urlencode({'q': word})}"
    return format_html('<a href="{}">{}</a>', address, text)


def _address(model: type[Model], page: str) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


# --- filters: each choice has its own condition; none asks the table which values it has ---

Choices = Mapping[str, tuple[Text, Q]]
"""By the word in the address: the label, and the condition."""


def filter_by(heading: Text, parameter: str, choices: Callable[[], Choices]) -> type[admin.SimpleListFilter]:
    """A filter with these choices; an unknown word in the address filters nothing."""

    class Filter(admin.SimpleListFilter):
        title: Any = heading
        parameter_name = parameter

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(word, str(label)) for word, (label, _condition) in choices().items()]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            _label, condition = choices().get(self.value() or "", ("", Q()))
            return queryset.filter(condition)

    return Filter


def needs_a_person(trouble: Q) -> type[admin.SimpleListFilter]:
    """The rows that wait for a person; the condition has a partial index."""
    return filter_by(_("who is to look"), "person", lambda: {"yes": (_("A person must look"), trouble)})


ByAccount = filter_by(
    pgettext_lazy("name", "account"),
    "account",
    lambda: {name: (name, Q(account=name)) for name in sorted(settings.PAYMENT_ACCOUNTS)},
)

_SAME_CURRENCY = Q(received_currency=F("currency"))

CAME: Choices = {
    "less": (_("less than asked for"), _SAME_CURRENCY & Q(received_minor__lt=F("amount_minor"))),
    "more": (_("more than asked for"), _SAME_CURRENCY & Q(received_minor__gt=F("amount_minor"))),
    "other": (_("another currency"), Q(received_minor__isnull=False) & ~_SAME_CURRENCY),
}

ByWhatCame = filter_by(_("received"), "came", lambda: CAME)
"""Payments for which the amount that came differs from the amount that was asked for."""
