"""Tags and filters of the console's templates: times, buttons and charts."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import template
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore

from actors.console import bulk
from actors.operations.findings import Finding
from actors.operations.queries.runbook import runbook_page
from actors.operations.queries.timeseries import Slot
from billing.admin.bases import page_of
from billing.models import AskedBy
from config import charts
from config.database.counts import counted
from config.formats import localized
from config.templatetags import times

register = template.Library()
register.filter("span", localized)
register.filter("counted", counted)
register.filter("moment", times.moment)
register.filter("ago", times.ago)
register.simple_tag(times.zone)


@register.filter
def asker(word: str) -> str:
    """Who asked for an attempt, by the word on the row."""
    return str(dict(AskedBy.choices).get(word, word))


SPARK_PX = 22

SPARK_BARS = 30
"""Fewer bars stand at the right, where the newest is."""


@register.filter
def page(row: Model) -> str:
    """The URL of the row's page in the admin."""
    return page_of(type(row), row.pk)


@register.simple_tag
def where(finding: Finding) -> str:
    """The URL that a finding links to: the page about it, or its section of the runbook; empty if there is neither."""
    if not finding.page:
        return what_to_do(finding)
    of_one_list = "?person=yes" if finding.page.startswith("admin:") else ""
    return reverse(finding.page, args=finding.page_args) + of_one_list


@register.simple_tag
def what_to_do(finding: Finding) -> str:
    """The URL of the finding's section in the runbook; empty if no page shows the runbook."""
    page = runbook_page()
    return f"{page}#{finding.runbook}" if page else ""


@register.filter
def manual(text: str) -> SafeString:
    """A section of the runbook, from its Markdown; HTML in it stays text."""
    shown: str = _MARKDOWN.render(text)
    return mark_safe(shown)  # nosec B308 B703  # noqa: S308 (markdown-it escapes, and the file is our own)


def _for_this_page(state: StateCore) -> None:
    """Tables look like the console's; links to files of the release stay words."""
    for block in state.tokens:
        if block.type == "table_open":
            block.attrSet("class", "rows")
        for link in (token for token in block.children or () if token.type in ("link_open", "link_close")):
            if link.type == "link_open":
                leads_elsewhere = not str(link.attrGet("href")).startswith(("#", "/"))
            link.hidden = leads_elsewhere


_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_MARKDOWN.core.ruler.push("for_this_page", _for_this_page)


@register.simple_tag(takes_context=True)
def query(context: Any, **changes: object) -> str:
    """The query of this page with these changes; an empty value removes its parameter."""
    kept = context["request"].GET.copy()
    for name, value in {"part": "", "as": "", "page": "", **changes}.items():
        if value:
            kept[name] = str(value)
        else:
            kept.pop(name, None)
    return f"?{kept.urlencode()}"


@register.simple_tag(takes_context=True)
def chip(context: Any, text: str, *parameters: str) -> SafeString | str:
    """A filter that is in force, as a link that removes its parameters; empty if the text is."""
    if not text:
        return ""
    address = query(context, **dict.fromkeys(parameters, ""))
    return format_html(
        '<a class="chip" href="{}" title="{}"><bdi>{}</bdi></a> ', address, _("Remove this filter"), text
    )


@register.simple_tag(takes_context=True)
def heading(context: Any, title: str, column: str, css: str = "", sort: str | None = None) -> SafeString:
    """The heading of a column that sorts. The first click on numbers (class `n`) brings the greatest.

    `sort`: the present order, if the page has one without a choice in the URL.
    """
    now = context["request"].GET.get("sort", "") if sort is None else sort
    descends = now == f"-{column}" if now.removeprefix("-") == column else css != "n"
    order = {column: "ascending", f"-{column}": "descending"}.get(now)
    return format_html(
        '<th scope="col"{}{}><a href="{}">{}</a></th>',
        format_html(' class="{}"', css) if css else "",
        format_html(' aria-sort="{}"', order) if order else "",
        query(context, sort=column if descends else f"-{column}"),
        title,
    )


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


@register.simple_tag(takes_context=True)
def act_on_all(context: Any, name: str, count: int) -> SafeString | str:
    """The button for all rows that the page's filter finds; it asks first, with their number."""
    number = min(count, bulk.MOST[name])
    found, key = context["may"].get(name), f"{number}:{query(context)[1:]}"
    return act(context, name, key, f"{found.title} ({number_format(number, force_grouping=True)})…") if found else ""


@register.simple_tag
def outcomes(title: str, slots: Sequence[Slot], **named: str) -> SafeString:
    """Bars over time: one colour for each named count. `good="succeeded"` draws the count `good` of each slot under the
    name `succeeded`."""
    is_long = bool(slots) and slots[-1].begins_at - slots[0].begins_at > timedelta(days=1)
    labels = [date_format(timezone.localtime(slot.begins_at), "m-d H:i" if is_long else "H:i") for slot in slots]
    series = [
        charts.Series(name, f"c{number}", [slot.counts.get(key, 0) for slot in slots])
        for number, (key, name) in enumerate(named.items(), start=1)
    ]
    return charts.bars(title, labels, series, height=140, every=3)


@register.filter
def total(slots: Sequence[Slot], name: str) -> str:
    """The sum of a named count: a bar of a few failures says only that there are some."""
    return counted(sum(slot.counts.get(name, 0) for slot in slots))


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
