"""Thousands of differences with a provider's books: every place that counts them says the same number."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from actors.operations.findings import findings_of, take_snapshot
from actors.templatetags.console import where
from billing.models import Difference, Reconciliation
from config.cli.command import SomethingLeft
from config.due.queue import database_now
from tests import backstage
from tests.faces import Faces, Told
from tests.shop import Shop

MANY = 3_000


@pytest.fixture
def many(shop: Shop) -> None:
    """Of one day, parked two hours ago."""
    first = backstage.make(Difference, 1)
    assert isinstance(first, Difference)
    same = {"reconciliation": first.reconciliation, "account": "sandbox", "kind": first.kind, "state": first.state}
    now = database_now()
    Difference.objects.bulk_create(
        Difference(**same, payment=first.payment, provider_ref=f"sb_{number}", last_found_at=now)
        for number in range(MANY - 1)
    )
    Difference.objects.update(found_at=now - timedelta(hours=2))


def test_all_faces_count_them(faces: Faces, many: None) -> None:
    """A difference waits for office hours, and for a person."""
    assert faces.told() == Told({"differences": "3,000 wait for a person"}, set())  # the alert waits ten minutes


def test_the_gauge_the_command_and_its_list_agree(many: None, boss: Client) -> None:
    """The list has a limit, and its count has none."""
    assert 'tillkeeper_attention_rows{kind="difference"} 3000.0' in boss.get("/metrics").text
    with pytest.raises(SomethingLeft) as left:
        call_command("payments", "attention", stdout=StringIO())
    assert str(left.value) == "Need an operator: 3,000. Shown: the newest 50 of 3,000 differences; --limit shows more."


def test_a_page_of_them_shows_both_sides_and_ends_with_one_decision(many: None, boss: Client) -> None:
    """Found from the finding; 500 at once, by account, day and kind."""
    Difference.objects.update(ours="9.40 EUR", theirs="4.40 EUR")
    [finding] = [each for each in findings_of(take_snapshot()) if each.subject == "differences"]
    narrowed = {"account": "sandbox", "kind__exact": "status", "day": str(Reconciliation.objects.get().day)}
    page = boss.get(where(finding), narrowed | {"person": "yes"})
    listed = page.context["cl"].result_list
    assert len(listed) == 500
    for text in ("€9.40", "€4.40", "sandbox", str(listed[0].payment.description)):
        assert text in page.text
    assert boss.get(where(finding), narrowed | {"day": "2020-01-01"}).status_code == 200

    keys = [row.pk for row in listed]
    boss.post(where(finding), {"action": "resolve", "_selected_action": keys, "why": "the provider's list was wrong"})

    assert Difference.objects.filter(state=Difference.State.RESOLVED).count() == 500
