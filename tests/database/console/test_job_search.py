"""Finding jobs in the console, their chart, and the rows that they were about."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from actors.models import Job
from actors.operations.queries import jobs as query
from actors.operations.queries.jobs import jobs, one_job
from actors.operations.queries.timeseries import RANGES
from billing.admin.bases import page_of
from billing.models import Payment
from commerce.models import Order
from tests.consoles import job
from tests.shop import Shop

pytestmark = pytest.mark.django_db


def ended(ago: timedelta, **facts: Any) -> Job:
    """A job that ended so long ago."""
    at = timezone.now() - ago
    return job(began_at=at, ended_at=at, **facts)


def charted(typed: str = "", over: str = "") -> dict[str, int]:
    """The outcomes in all slots of the chart together."""
    found: dict[str, int] = {}
    for slot in jobs(typed, over=over).slots:
        for outcome, count in slot.counts.items():
            found[outcome] = found.get(outcome, 0) + count
    return found


def test_a_bare_word_finds_jobs_by_a_part_of_their_actors_name() -> None:
    """Also those of an actor that the code has lost since."""
    check, settle, gone = job(), job(actor="settle_orders"), job(actor="long_gone")

    for typed, found in [("check_payment", check), ("SETTLE", settle), ("gone", gone), ("orders outcome:done", settle)]:
        assert [(row.pk, jobs(typed).problem) for row in jobs(typed).rows] == [(found.pk, "")], typed
    assert jobs("check settle").rows == []


def test_the_chart_follows_the_search_and_the_range() -> None:
    """And counts what was quarantined as failed."""
    for ago in (timedelta(minutes=1), timedelta(hours=2), timedelta(hours=20), timedelta(days=6), timedelta(days=8)):
        ended(ago)
    ended(timedelta(hours=3), actor="settle_orders", outcome="failed")
    ended(timedelta(hours=3), actor="settle_orders", outcome="quarantined")

    assert charted() == charted(over="nonsense") == {"done": 1}
    assert charted(over="6h") == {"done": 2, "failed": 2}
    assert charted(over="24h") == {"done": 3, "failed": 2}
    assert charted(over="7d") == {"done": 4, "failed": 2}
    assert charted("settle", over="7d") == {"failed": 2}
    assert charted("outcome:quarantined", over="6h") == {"failed": 1}
    assert charted("worker:elsewhere", over="7d") == {}
    assert [len(jobs("", over=over).slots) for over in RANGES] == [12, 12, 12, 14]


def test_each_job_stands_in_the_slot_in_which_it_ended() -> None:
    """The oldest slot comes first."""
    for minutes in (1, 2, 58):
        ended(timedelta(minutes=minutes))
    assert [slot.counts.get("done", 0) for slot in jobs("").slots] == [1, *[0] * 10, 2]


def test_too_many_jobs_are_charted_over_a_shorter_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No slot looks empty only because its jobs were not read."""
    for seconds in range(1, 60, 3):
        ended(timedelta(seconds=seconds))
    monkeypatch.setattr(query, "CHARTED", 10)
    slots = jobs("", over="24h").slots

    assert timezone.now() - slots[0].begins_at < timedelta(minutes=2)
    assert sum(slot.counts.get("done", 0) for slot in slots) in (10, 11)


def test_the_url_holds_search_range_order_and_page(boss: Client) -> None:
    """Each link of the page keeps the others."""
    for number in range(60):
        ended(timedelta(seconds=number + 1), outcome="failed")
    page = reverse("console:jobs")
    address = {"q": "outcome:failed", "range": "6h", "sort": "ended", "page": "2"}
    shown = boss.get(page, address).content.decode()

    assert "51–60 of 60" in shown
    assert '<a class="chip" href="?range=6h&amp;sort=ended"' in shown
    assert '<a href="?q=outcome%3Afailed&amp;range=24h&amp;sort=ended">1 d</a>' in shown
    assert 'aria-sort="ascending"><a href="?q=outcome%3Afailed&amp;range=6h&amp;sort=-ended">' in shown
    facts = boss.get(page, {**address, "as": "json"}).json()
    oldest_first = [row.pk for row in Job.objects.order_by("ended_at")]
    assert [row["id"] for row in facts["rows"]] == oldest_first[50:]
    assert (facts["range"], facts["shown"]["count"]) == ("6h", 60)


def test_a_job_leads_to_the_rows_that_its_arguments_name(shop: Shop) -> None:
    """Not one whose arguments were too long to keep, or whose actor is gone."""
    order, payment = shop.order()
    cases = {
        ("check_payment", f"[{payment.pk}]"): [reverse("console:payment", args=[payment.pk])],
        ("send_order_confirmation", f"[{order.pk}]"): [page_of(Order, order.pk)],
        ("check_pending_payments", '["sandbox"]'): [],
        ("settle_orders", "[]"): [],
        ("check_payment", '"900 characters"'): [],
        ("check_payment", "cut off"): [],
        ("gone", "[1]"): [],
    }
    for (actor, args), addresses in cases.items():
        found = one_job(job(actor=actor, args=args).pk)
        assert found is not None
        assert [row.address for row in found.touched] == addresses, (actor, args)


def test_an_order_and_its_payments_lead_to_each_other(boss: Client, shop: Shop) -> None:
    """From the order in the admin to the console, and back."""
    order, payment = shop.order()
    in_console = reverse("console:payment", args=[payment.pk])

    for row in (order, payment):
        assert f'href="{in_console}"' in boss.get(page_of(type(row), row.pk)).content.decode()
    shown = boss.get(in_console).content.decode()
    assert f'href="{page_of(Order, order.pk)}"' in shown
    assert f'href="{page_of(Payment, payment.pk)}"' in shown
