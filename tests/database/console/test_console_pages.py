"""What the console shows: whatever stands in a row stays text, and no row costs a query."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import CharField, F, Model, TextField
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from actors import pauses
from actors.console.actions import ACTIONS
from actors.models import Job, Tick, Worker
from billing.models import AccountState, Attention, Payment
from commerce.models import Notification, Order, OrderStatus
from tests import reporting
from tests.consoles import HOSTILE, MOST_QUERIES, addresses, do, given_up, job, worker

pytestmark = pytest.mark.sqlite_is_enough


def hostile_rows() -> None:
    """Every text field of every table behind the console says what nobody wants to run."""
    for model in (Job, Worker, Payment, AccountState, Notification, Order, Tick):
        _make_hostile(model)
    Worker.objects.update(queues=[HOSTILE], busy=[dict.fromkeys(("actor", "message_id", "args", "since"), HOSTILE)])
    Payment.objects.update(attention=Attention.MISMATCH)
    for kind, name in ((pauses.QUEUE, "urgent"), (pauses.SCHEDULE, "settle_orders")):
        pauses.pause(kind, name, HOSTILE, HOSTILE)


def _make_hostile(model: type[Model]) -> None:
    fields = [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, CharField | TextField) and not (field.choices or field.primary_key or field.unique)
        if (field.max_length or 1_000) > 8 and field.name not in ("reference", "account", "asked_by", "schedule")
    ]
    model._default_manager.update(**{field.name: HOSTILE[: field.max_length] for field in fields})


def test_what_stands_in_a_row_stays_text(boss: Client, house: dict[str, str]) -> None:
    """On every page, in each of its forms, in the question before an act, and in the history afterwards."""
    hostile_rows()
    pages = [boss.get(address + way).content.decode() for address in addresses().values() for way in ("", "?part=live")]
    pages += [boss.get(reverse(f"console:{act.name}"), {"key": house[act.name]}).content.decode() for act in ACTIONS]
    do(boss, "close-breaker", "sandbox", why=HOSTILE[:150])
    pages.append(boss.get(reverse("console:overview")).content.decode())

    for page in pages:
        assert "<script>alert" not in page
        assert "{{" not in page or escape("{{ 7|add:7 }}") in page
    assert sum(escape('<script>alert("x")') in page for page in pages) > 20


def test_whatever_is_searched_for_is_text_too(boss: Client, house: dict[str, str]) -> None:
    """It finds something or nothing."""
    for words in (
        "'",
        '"',
        "%",
        "x" * 5_000,
        HOSTILE,
        "9" * 30,
        "²",
        "since:" + "9" * 30 + "d",
        "since:9999999d",
    ):
        for page in ("payments", "jobs"):
            answer = boss.get(reverse(f"console:{page}"), {"q": words, "before": words})
            assert answer.status_code == 200, (page, words)
            assert "<script>alert" not in answer.content.decode()


def test_browsers_are_told_to_run_nothing_but_our_files(boss: Client, house: dict[str, str]) -> None:
    """The pages do without scripts and styles of their own."""
    for address in addresses().values():
        answer = boss.get(address)
        assert "script-src 'self'" in answer["Content-Security-Policy"]
        assert not any(word in answer.content.decode() for word in ("<style", ' style="', "onclick", "<script>"))


def test_the_live_part_is_the_same_without_what_is_around_it(boss: Client, house: dict[str, str]) -> None:
    """And as long as nothing happens the same text, so that nothing flickers."""
    address = reverse("console:mail")
    part = boss.get(address, {"part": "live"}).content.decode()

    assert "<html" not in part
    assert part.strip() in boss.get(address).content.decode()
    assert "csrf" not in part


def test_each_page_is_there_as_json(boss: Client, house: dict[str, str]) -> None:
    """The same facts, for programs."""
    told = {name: boss.get(address, {"as": "json"}).json() for name, address in addresses().items()}

    assert told["payments"]["tracks"][0]["account"] == "sandbox"
    assert told["workers"]["workers"][0]["row"]["host"] == "host"
    assert told["job"]["job"]["actor"] == "check_payment"


def test_a_table_is_sorted_by_the_heading_that_was_clicked(boss: Client, house: dict[str, str]) -> None:
    """In each form of the page; the heading says how, and a further click turns it round."""
    page = reverse("console:work")
    sorted_by = boss.get(page, {"sort": "-kind"})
    labels = [backlog["label"] for backlog in boss.get(page, {"sort": "-kind", "as": "json"}).json()["backlogs"]]

    assert labels == sorted(labels, reverse=True)
    assert labels == [backlog.label for backlog in sorted_by.context["facts"]["backlogs"]]
    assert '<th scope="col" aria-sort="descending"><a href="?sort=kind">' in sorted_by.content.decode()
    live = boss.get(page, {"sort": "-kind", "part": "live"}).content.decode()
    assert live.strip() in sorted_by.content.decode()


def test_rows_keep_their_places(boss: Client, house: dict[str, str]) -> None:
    """A page refreshes every few seconds, and a button must not move away under the hand."""
    names = [worker(name=f"{host}:1:abc", host=host).name for host in ("b", "a")]
    stopped = [worker(name=f"{n}:2:old", stopped_at=timezone.now() - timedelta(hours=n)).name for n in (1, 2)]
    Worker.objects.filter(name__in=stopped).update(seen_at=F("stopped_at"))
    for account in ("z", "a"):
        AccountState.objects.create(account=account)

    for beating in names:
        Worker.objects.filter(name=beating).update(seen_at=timezone.now() + timedelta(hours=2))
        listed = boss.get(reverse("console:workers"), {"as": "json"}).json()["workers"]
        assert [each["row"]["name"] for each in listed] == ["a:1:abc", "b:1:abc", "host:1:abc", *stopped]
    accounts = boss.get(reverse("console:providers"), {"as": "json"}).json()["accounts"]
    assert [each["state"]["account"] for each in accounts] == ["a", "sandbox", "z"]


def test_no_row_costs_a_query(boss: Client, house: dict[str, str]) -> None:
    """Thirty of each cost as many as one."""

    def queries(address: str) -> int:
        boss.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert boss.get(address).status_code == 200
        return len(captured)

    for _ in range(10):  # enough that goods are held, which is a finding with a question of its own
        reporting.order(OrderStatus.AWAITING_PAYMENT, timezone.now())
    Payment.objects.update(attention=Attention.MISMATCH)
    before = {name: queries(address) for name, address in addresses().items()}
    for number in range(30):
        order = reporting.order(OrderStatus.AWAITING_PAYMENT, timezone.now())
        given_up(order)
        job(message_id="m-1")
        worker(name=f"host:{number}:x", busy=[{"actor": "a", "message_id": "m", "args": "[]", "since": "x"}])
    Payment.objects.update(attention=Attention.MISMATCH)

    after = {name: queries(address) for name, address in addresses().items()}
    assert after == before
    assert max(after.values()) <= MOST_QUERIES


def test_a_page_of_a_row_that_is_gone_is_not_found(boss: Client, house: dict[str, str]) -> None:
    """Whoever comes late from a mail or a chat."""
    for address in ("payments/0/", "jobs/0/", "work/nothing/", "jobs/99999999999999999/"):
        assert boss.get(f"/admin/console/{address}").status_code == 404


def test_the_console_speaks_russian(boss: Client, house: dict[str, str]) -> None:
    """As the shop does."""
    for address in addresses().values():
        page = boss.get(address, headers={"Accept-Language": "ru"}).content.decode()
        assert "Консоль" in page
