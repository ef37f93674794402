"""Tags and filters of the console's templates: times, buttons and charts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from actors.operations.findings import Finding
from actors.operations.queries.timeseries import Slot
from billing.admin.bases import page_of
from config import charts
from config.database.counts import counted
from config.formats import localized

register = template.Library()
register.filter("span", localized)
register.filter("counted", counted)

SPARK_PX = 22

SPARK_BARS = 30
"""Fewer bars stand at the right, where the newest is."""


@register.filter
def page(row: Model) -> str:
    """The URL of the row's page in the admin."""
    return page_of(type(row), row.pk)


@register.simple_tag
def where(finding: Finding) -> str:
    """The URL that a finding links to; empty if there is none."""
    if not finding.page:
        return ""
    of_one_list = "?person=yes" if finding.page.startswith("admin:") else ""
    return reverse(finding.page, args=finding.page_args) + of_one_list


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """To the second, in the shop's time zone; the day is shown only if it is not today."""
    if at is None:
        return "–"
    local, today = timezone.localtime(at), timezone.localdate()
    shown = date_format(local, "H:i:s") if local.date() == today else date_format(local, "Y-m-d H:i:s")
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), shown)


@register.filter
def ago(at: datetime | None) -> str:
    """Time since then, in whole seconds."""
    return localized(int((timezone.now() - at).total_seconds()) if at else None)


@register.simple_tag(takes_context=True)
def act(context: Any, name: str, key: object, title: str = "") -> SafeString | str:
    """A button that does it, or a link to the page that asks why; empty without the permission."""
    found = context["may"].get(name)
    if found is None:
        return ""
    address, css = reverse(f"console:{name}"), "act stops" if found.stops else "act"
    if found.asks_why:
        query = urlencode({"key": key, "next": context["here"]})
        return format_html('<a class="{}" href="{}?{}">{}…</a>', css, address, query, title or found.title)
    return format_html(
        '<button class="{}" form="do" formaction="{}" name="key" value="{}">{}</button>',
        css, address, key, title or found.title,
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def choose(context: Any, name: str, key: object, about: object) -> SafeString | str:
    """A checkbox to choose a row for a bulk action."""
    if name not in context["may"]:
        return ""
    return format_html(
        '<input type="checkbox" form="bulk" name="key" value="{}" aria-label="{}">', key, f"{_('Choose')} {about}"
    )


@register.simple_tag(takes_context=True)
def choose_all(context: Any, name: str) -> SafeString | str:
    """A button that checks all boxes, if the user may act on them. The style sheet hides it if scripts are off."""
    if name not in context["may"]:
        return ""
    return format_html('<button type="button" class="act all">{}</button>', _("Choose all"))


@register.simple_tag(takes_context=True)
def act_on_chosen(context: Any, name: str) -> SafeString | str:
    """The button for the chosen rows."""
    found = context["may"].get(name)
    if found is None:
        return ""
    return format_html(
        '<button class="{}" form="bulk" formaction="{}">{}{}</button>',
        "act stops" if found.stops else "act", reverse(f"console:{name}"), found.title, "…" if found.asks_why else "",
    )  # fmt: skip


@register.simple_tag
def outcomes(title: str, slots: Sequence[Slot], **named: str) -> SafeString:
    """Bars over time: one colour for each named count. `good="succeeded"` draws the count `good` of each slot under the
    name `succeeded`."""
    labels = [date_format(timezone.localtime(slot.begins_at), "H:i") for slot in slots]
    series = [
        charts.Series(name, f"c{number}", [slot.counts.get(key, 0) for slot in slots])
        for number, (key, name) in enumerate(named.items(), start=1)
    ]
    return charts.bars(title, labels, series, height=140, every=3)


@register.simple_tag
def parts(title: str, counts: dict[str, int]) -> SafeString:
    """One bar in parts."""
    return charts.stacked(title, [charts.Part(name, css, count) for css, name, count in legend(counts)])


@register.simple_tag
def legend(counts: dict[str, int]) -> Sequence[tuple[str, str, int]]:
    """The colours of `parts`: class, name, count. There are five colours; the rarer kinds share the last."""
    return [(f"c{min(number, 5)}", name, count) for number, (name, count) in enumerate(counts.items(), start=1)]


@register.simple_tag
def spark(title: str, values: Sequence[float]) -> SafeString | str:
    """A small row of bars, scaled to the greatest; the text says its value."""
    if not values:
        return ""
    greatest = max([*values, 1e-9])
    label = _("%(title)s: %(greatest)s or less") % {"title": title, "greatest": localized(greatest)}
    before = max(0, SPARK_BARS - len(values))
    bars = (_bar(number, before + len(values), value / greatest) for number, value in enumerate(values, start=before))
    return format_html(
        '<svg class="spark" role="img" aria-label="{}" width="100%" height="{}" focusable="false">{}</svg>',
        label, SPARK_PX, format_html_join("", '<rect class="c1" x="{}%" y="{}" width="{}%" height="{}"/>', bars),
    )  # fmt: skip


def _bar(number: int, of: int, share: float) -> tuple[str, ...]:
    """Left edge and width in percent, top and height in pixels."""
    tall = max(1.0, share * SPARK_PX)
    return f"{number * 100 / of:.2f}", f"{SPARK_PX - tall:.1f}", f"{80 / of:.2f}", f"{tall:.1f}"
