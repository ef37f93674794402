"""Times on pages for staff: each names its zone, and shows the exact time when a pointer rests on it."""

from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.formats import localized

register = template.Library()


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """To the second, in the shop's time zone; the day is shown only if it is not today. A dash for None."""
    if at is None:
        return "–"
    local = timezone.localtime(at)
    shown = date_format(local, "H:i:s" if local.date() == timezone.localdate() else "Y-m-d H:i:s")
    return _time(at, f"{shown} {_zone(local)}", "data-local")


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """Time since then, in whole seconds. A dash for None."""
    return _time(at, localized(int((timezone.now() - at).total_seconds()))) if at else "–"


def _time(at: datetime, text: str, marked: str = "") -> SafeString:
    """The attribute `data-local` lets a page's script show the reader's own time."""
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        timezone.localtime(at).isoformat(timespec="seconds"), exact(at), f" {marked}" if marked else "", text,
    )  # fmt: skip


def exact(at: datetime) -> str:
    """The day and the second, in UTC and in the shop's time zone: `2026-11-30 17:53:12 UTC · 20:53:12 MSK`."""
    utc, local = at.astimezone(UTC), timezone.localtime(at)
    text = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    if local.utcoffset() == utc.utcoffset():
        return text
    return f"{text} · {local:{'%H:%M:%S' if local.date() == utc.date() else '%Y-%m-%d %H:%M:%S'}} {_zone(local)}"


def zone() -> str:
    """The name of the shop's time zone now, as `moment` writes it."""
    return _zone(timezone.localtime())


def _zone(local: datetime) -> str:
    """Zones without an abbreviation have only an offset: `+03` becomes `UTC+03`."""
    name = local.tzname() or ""
    return f"UTC{name}" if name[:1] in "+-" else name
