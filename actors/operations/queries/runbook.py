"""The runbook by sections, and the addresses that lead an alert or a finding to it and to the console."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.urls import NoReverseMatch, reverse

FILE = Path(__file__).resolve().parents[3] / "deploy" / "RUNBOOK.md"
"""The release has it; another project that uses these packages may not."""

_HEADING = re.compile(r"^(#{1,3}) (.+)$", re.M)


@dataclass(frozen=True)
class Section:
    level: int
    title: str
    anchor: str
    text: str
    """In Markdown."""


@dataclass(frozen=True)
class Runbook:
    sections: list[Section]


@cache
def runbook() -> Runbook | None:
    """None without the file. It does not change while a release runs."""
    if not FILE.exists():
        return None
    _before, *parts = _HEADING.split(FILE.read_text(encoding="utf-8"))
    found = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return Runbook([Section(len(marks), title, anchor_of(title), text.strip("\n")) for marks, title, text in found])


def anchor_of(title: str) -> str:
    """As GitHub makes it.

    >>> anchor_of("The broker's alarms")
    'the-brokers-alarms'
    """
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def console_url() -> str:
    """The address of the console, with a slash at its end; empty if this project does not serve it."""
    try:
        return f"{settings.CONSOLE_URL}/" if settings.CONSOLE_URL else settings.SHOP_URL + reverse("console:overview")
    except NoReverseMatch:
        return ""


def runbook_page() -> str:
    """The runbook as a page of the console links to it; empty if there is none."""
    return settings.RUNBOOK_URL or (reverse("console:runbook") if runbook() else "")


def runbook_url() -> str:
    """The whole address of the runbook, for messages; only its file's name if no page shows it."""
    console = console_url() if runbook() else ""
    # The console's own address may have another path than here, behind its proxy.
    page = console and console.rstrip("/") + reverse("runbook", urlconf="actors.console.urls")
    return settings.RUNBOOK_URL or page or FILE.name
