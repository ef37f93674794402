"""From a finding to what to do: the runbook is a page of the console, unless a setting names another one."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from actors import pauses
from actors.operations.findings.sections import SECTIONS
from actors.operations.queries.runbook import console_url, runbook, runbook_url
from actors.templatetags.console import manual

pytestmark = pytest.mark.sqlite_is_enough


def test_the_page_has_every_section(boss: Client, db: None) -> None:
    """With its bold words, its code, and the links that lead into the shop; no Markdown is left of them."""
    page = boss.get(reverse("console:runbook")).text
    for anchor in SECTIONS:
        assert f' id="{anchor}">' in page
    for text in (
        "<strong>Console.</strong>",
        '<a href="/admin/console/mail/">',
        "<code>manage.py jobs doctor</code>",
        "<em>page</em>",
    ):
        assert text in page
    assert "](" not in page


def test_the_tables_of_the_runbook_are_tables(boss: Client, db: None) -> None:
    """With every row: a line of the file between bars."""
    page = runbook()
    assert page is not None
    for section in page.sections:
        shown, rows = manual(section.text), re.findall(r"^\|(?! ---)", section.text, re.MULTILINE)
        assert (shown.count("<tr>"), "\n|" in shown) == (len(rows), False), section.anchor
    texts = {section.anchor: section.text for section in page.sections}
    assert texts["lay-out-a-release"].startswith("    make install")


def test_what_the_runbook_says_is_text() -> None:
    """Only its Markdown becomes HTML, and only links that lead into the shop are links."""
    shown = manual("| a | b |\n| --- | --- |\n| **c** <i> | `d` |\n\n[e](/admin/) [f](#f) [`g`](compose.yml) [h](#h)")
    assert '<table class="rows">' in shown
    assert "<td><strong>c</strong> &lt;i&gt;</td>\n<td><code>d</code></td>" in shown
    assert '<p><a href="/admin/">e</a> <a href="#f">f</a> <code>g</code> <a href="#h">h</a></p>' in shown


def test_a_finding_leads_to_its_section(calm: None, boss: Client, settings: Settings) -> None:
    """By "What to do"; one without a page of its own also by its text."""
    settings.PRODUCTION, settings.EMAIL_HOST = True, ""
    pauses.pause(pauses.SCHEDULE, "settle_orders", "olga", "a test")
    unsuited = "#settings-that-do-not-suit-customers"
    for address in ("", "https://wiki.example/till"):
        settings.RUNBOOK_URL = address
        base, page = address or reverse("console:runbook"), boss.get(reverse("console:overview")).text
        for anchor in ("#a-pause", unsuited):
            assert f'<a href="{base}{anchor}">What to do</a>' in page
        assert f'<a href="{base}{unsuited}"><bdi>EMAIL_HOST' in page


def test_what_waits_for_office_hours_is_never_in_the_red_panel(calm: None, boss: Client, settings: Settings) -> None:
    """Beside what is urgent, and alone."""
    pauses.pause(pauses.SCHEDULE, "settle_orders", "olga", "a test")
    alone = boss.get(reverse("console:overview")).text
    settings.PRODUCTION, settings.EMAIL_HOST = True, ""
    both = boss.get(reverse("console:overview")).text

    assert 'class="answer bad"' not in alone
    red, orange = both.split('class="answer bad"')[1].split('class="answer odd"')
    assert ("EMAIL_HOST" in red, "settle_orders" in red) == (True, False)
    assert "it is paused by olga" in orange.split("</section>")[0]
    for page in (alone, both):
        assert page.count("it is paused by olga") == 1


@pytest.mark.parametrize(
    ("console", "manual", "told"),
    [
        ("", "", ("http://shop.example/admin/console/", "http://shop.example/admin/console/runbook")),
        (
            "https://office.example/admin/console", "",
            ("https://office.example/admin/console/", "https://office.example/admin/console/runbook"),
        ),
        (
            "https://office.example/till/console", "",
            ("https://office.example/till/console/", "https://office.example/till/console/runbook"),
        ),
        ("", "https://wiki.example/till", ("http://shop.example/admin/console/", "https://wiki.example/till")),
    ],
)  # fmt: skip
def test_alerts_learn_the_addresses(
    boss: Client, settings: Settings, console: str, manual: str, told: tuple[str, str]
) -> None:
    """From a series of the web."""
    settings.SHOP_URL, settings.CONSOLE_URL, settings.RUNBOOK_URL = "http://shop.example", console, manual
    assert (console_url(), runbook_url()) == told
    assert f'tillkeeper_links_info{{console="{told[0]}",runbook="{told[1]}"}} 1.0' in boss.get("/metrics").text


def test_a_project_without_our_runbook_names_only_the_file(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """An anchor behind the console's first page would lead nowhere."""
    settings.CONSOLE_URL = "https://office.example/console"
    monkeypatch.setattr("actors.operations.queries.runbook.runbook", lambda: None)

    assert (console_url(), runbook_url()) == ("https://office.example/console/", "RUNBOOK.md")


@pytest.mark.urls("billing.callbacks.urls")
def test_a_web_without_the_console_tells_the_address_of_another(settings: Settings) -> None:
    """Where the setting has it."""
    settings.CONSOLE_URL = "https://office.example/console"

    assert runbook_url() == "https://office.example/console/runbook"
