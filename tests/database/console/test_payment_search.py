"""Finding payments in the console: by status, account, amount, time, mail address and order, page by page."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from actors.operations.queries import payment_search
from actors.operations.queries.payment_search import SORTS, WHICH, Chosen, listing, named
from actors.project import project
from billing.models import AccountState, Attention, Payment
from billing.states import END_STATES, Status
from commerce.models import Order
from config.due.queue import database_now
from tests.plans import BY_CONDITIONS, plan, reads_whole_table, sorts
from tests.shop import Shop, written_payment

pytestmark = pytest.mark.django_db

COUNT = 120


def write(count: int, **facts: Any) -> list[Payment]:
    """Payments, the first one the oldest; a minute lies between two."""
    now = database_now()
    ended = {"next_check_at": None, "ended_at": now} if facts.get("status") in END_STATES else {"next_check_at": now}
    prefix = Payment.objects.count()
    rows = [
        written_payment(now, **{"reference": f"order-{prefix + n}", **ended, **facts}) for n in range(count)
    ]  # fmt: skip
    written = Payment.objects.bulk_create(rows)
    for number, row in enumerate(written):
        row.created_at = now - timedelta(minutes=count - number)
    Payment.objects.bulk_update(written, ["created_at"])
    return written


def wanted(which: str, **texts: Any) -> Chosen:
    """What the URL asks for."""
    return Chosen(which, **texts)


def ids(**chosen: Any) -> list[int]:
    """Of the payments on the first page."""
    rows, _shown = listing(wanted(**{"which": "newest", **chosen}), database_now()).page(1)
    return [row.pk for row in rows]


# --- filters ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def some() -> dict[str, int]:
    """Payments that differ in everything that can be filtered by; their ids by a name."""
    facts: dict[str, dict[str, Any]] = {
        "cheap": {"amount_minor": 450},
        "dear": {"amount_minor": 12_000, "attention": Attention.MISMATCH},
        "rubles": {"amount_minor": 450, "currency": "RUB"},
        "paid": {"status": Status.SUCCEEDED, "amount_minor": 900},
        "failed": {"status": Status.FAILED, "account": "other", "amount_minor": 900},
    }
    found = {name: write(1, **fact)[0].pk for name, fact in facts.items()}
    Payment.objects.filter(pk=found["dear"]).update(created_at=timezone.now() - timedelta(days=3))
    return found


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({}, "cheap dear rubles paid failed"),
        ({"status": "succeeded"}, "paid"),
        ({"status": "pending"}, "cheap dear rubles"),
        ({"account": "sandbox"}, "cheap dear rubles paid"),
        ({"account": "no such account"}, ""),
        ({"currency": "RUB"}, "rubles"),
        ({"amount_from": "4.50", "amount_to": "9", "currency": "EUR"}, "cheap paid failed"),
        ({"amount_from": "4,51", "currency": "EUR"}, "dear paid failed"),
        ({"created_to": "2d"}, "dear"),
        ({"created_from": "2d"}, "cheap rubles paid failed"),
        ({"created_from": "2d", "status": "succeeded"}, "paid"),
        ({"created_from": "2d", "account": "sandbox", "amount_from": "5", "currency": "EUR"}, "paid"),
        ({"which": "open", "created_to": "2d"}, "dear"),
        ({"which": "open", "sort": "due", "created_to": "2d"}, "dear"),
        ({"which": "due", "created_to": "2d", "amount_from": "5", "currency": "EUR"}, "dear"),
        ({"which": "attention", "account": "sandbox", "created_to": "2d"}, "dear"),
        ({"which": "attention", "account": "other"}, ""),
        ({"word": "order-3"}, "paid"),
        ({"word": "order-3", "status": "failed"}, ""),
    ],
)
def test_payments_are_found_by_every_filter(some: dict[str, int], chosen: dict[str, str], names: str) -> None:
    """Alone and together, in each list, in the order of the list or not."""
    AccountState.objects.get_or_create(account="other")
    assert sorted(ids(**chosen)) == sorted(some[name] for name in names.split())


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"status": "fine"}, "“fine” is not a status"),
        ({"amount_from": "5"}, "An amount needs a currency"),
        ({"amount_to": "much", "currency": "EUR"}, "“much EUR” is not an amount"),
        ({"amount_to": "1.005", "currency": "EUR"}, "is not an amount"),
        ({"amount_to": "1", "currency": "€"}, "is not an amount"),
        ({"created_from": "yesterday"}, "“yesterday” is not a time"),
        ({"created_to": "9999-12-31"}, "is not a time"),
        ({"created_to": "2026-02-31"}, "is not a time"),
    ],
)
def test_a_filter_that_is_not_valid_finds_nothing_and_is_named(
    boss: Client, some: dict[str, int], chosen: dict[str, str], said: str
) -> None:
    """A page that forgot it would show the wrong payments."""
    facts = boss.get(reverse("console:payments"), {**chosen, "as": "json"}).json()

    assert said in facts["problem"]
    assert facts["rows"] == []
    assert said in boss.get(reverse("console:payments"), chosen).content.decode()


def test_a_day_is_whole_in_the_shops_time_zone(some: dict[str, int]) -> None:
    """Also the last one of a range; a moment is exact."""
    Payment.objects.filter(pk=some["cheap"]).update(created_at="2026-03-01T21:30:00Z")
    with timezone.override("Europe/Moscow"):
        assert ids(created_from="2026-03-02", created_to="2026-03-02") == [some["cheap"]]
        assert ids(created_from="2026-03-02 00:30", created_to="2026-03-02T00:31") == [some["cheap"]]
        assert ids(created_from="2026-03-01", created_to="2026-03-01") == []


def test_payments_are_found_by_their_orders_customer(shop: Shop) -> None:
    """Billing knows no mail addresses and no order numbers: the shop does."""
    order, payment = shop.order()
    shop.order()
    Order.objects.filter(pk=order.pk).update(email="Ann.Other@example.com")

    assert ids(word="ann.other@EXAMPLE.com") == [payment.pk]
    assert payment.pk in ids(word=str(order.pk))
    assert ids(word=order.public_id) == [payment.pk]
    assert ids(word="nobody@example.com") == []


@pytest.mark.parametrize(("most", "is_cut_off"), [(3, False), (2, True)])
def test_a_word_that_names_too_many_orders_says_so(
    monkeypatch: pytest.MonkeyPatch, boss: Client, shop: Shop, most: int, is_cut_off: bool
) -> None:
    """The newest are found; the page does not pretend that these are all."""
    paid_for = [shop.order()[1].pk for _ in range(3)]
    Order.objects.update(email="ann@example.com")
    monkeypatch.setattr(payment_search, "REFERENCES", most)

    found = listing(wanted("newest", word="ann@example.com"), database_now())
    assert (ids(word="ann@example.com"), found.is_cut_off) == (paid_for[::-1][:most], is_cut_off)
    page = boss.get(reverse("console:payments"), {"q": "ann@example.com"}).content.decode()
    assert ("More payments match than are searched" in page) == is_cut_off


def test_a_status_among_too_many_payments_says_so(monkeypatch: pytest.MonkeyPatch, boss: Client) -> None:
    """It has no index: what was not looked at may hold more."""
    write(1, status=Status.FAILED)
    write(4)
    for module in ("actors.operations.queries.paging", "config.database.counts"):
        monkeypatch.setattr(f"{module}.COUNTED_AT_MOST", 3)
    facts = boss.get(reverse("console:payments"), {"status": "failed", "as": "json"}).json()

    assert (facts["is_cut_off"], facts["rows"]) == (True, [])
    assert "first 10,000 payments" in boss.get(reverse("console:payments"), {"status": "failed"}).content.decode()
    assert not boss.get(reverse("console:payments"), {"status": "pending", "as": "json"}).json()["problem"]


@pytest.mark.parametrize(("more", "is_cut_off"), [(0, False), (1, True)])
def test_accounts_are_cut_off_one_by_one(monkeypatch: pytest.MonkeyPatch, more: int, is_cut_off: bool) -> None:
    """The limit is that of each account's part: two with as many as are looked at leave nothing out."""
    AccountState.objects.get_or_create(account="other")
    for module in ("actors.operations.queries.paging", "config.database.counts"):
        monkeypatch.setattr(f"{module}.COUNTED_AT_MOST", 3)
    write(3), write(3 + more, account="other")

    assert listing(wanted("open", currency="EUR"), database_now()).is_cut_off == is_cut_off


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sort", "descends"), [("", True), ("-started", True), ("started", False), ("nonsense", True)])
@pytest.mark.parametrize("chosen", [{}, {"account": "sandbox"}, {"created_from": "1d"}], ids=str)
def test_every_payment_is_on_one_page(chosen: dict[str, str], sort: str, descends: bool) -> None:
    """In the order of the list; the page after the last one is the last one."""
    written = [row.pk for row in write(COUNT)]
    found = listing(wanted("newest", sort=sort, **chosen), database_now())
    pages = [found.page(number) for number in (1, 2, 3, 4, 0)]

    listed = [row.pk for rows, _shown in pages[:3] for row in rows]
    assert listed == (written[::-1] if descends else written)
    assert [(shown.first, shown.last, shown.count) for _rows, shown in pages] == [
        (1, 50, 120), (51, 100, 120), (101, 120, 120), (101, 120, 120), (1, 50, 120),
    ]  # fmt: skip
    assert [(shown.previous, shown.next) for _rows, shown in pages[:3]] == [(None, 2), (1, 3), (2, None)]


def test_accounts_are_merged_by_the_time_of_their_payments() -> None:
    """The index begins with the account, the list does not."""
    AccountState.objects.get_or_create(account="other")
    rows = [write(30), write(30, account="other")]
    merged = [
        row.pk for row in sorted((row for some in rows for row in some), key=lambda row: (row.created_at, row.pk))
    ]

    found = listing(Chosen("open"), database_now())
    assert [row.pk for number in (1, 2) for row in found.page(number)[0]] == merged


def test_the_url_holds_the_filters(boss: Client) -> None:
    """The page says where it is, leads on and back, and each filter can be taken away."""
    write(COUNT)
    address = {"account": "sandbox", "currency": "eur", "sort": "started", "page": "2"}
    page = boss.get(reverse("console:payments"), address).content.decode()

    assert "51–100 of 120" in page
    for link in ("page=3", "page=1"):
        assert f"?account=sandbox&amp;currency=eur&amp;sort=started&amp;{link}" in page
    assert '<a class="chip" href="?account=sandbox&amp;sort=started"' in page
    assert '<a class="chip" href="?currency=eur&amp;sort=started"' in page
    assert 'aria-sort="ascending"' in page
    facts = boss.get(reverse("console:payments"), {**address, "as": "json"}).json()
    assert (facts["chosen"]["currency"], facts["shown"]) == (
        "EUR",
        {"first": 51, "last": 100, "count": 120, "is_more": False},
    )


# --- indexes ---------------------------------------------------------------------------------------------------------

FILTERS: list[dict[str, str]] = [
    {}, {"status": "pending"}, {"status": "failed"}, {"account": "sandbox"}, {"created_from": "10m"},
    {"amount_from": "1", "currency": "EUR"}, {"account": "sandbox", "created_to": "1h", "status": "succeeded"},
]  # fmt: skip


def test_every_filter_of_every_list_reads_an_index() -> None:
    """The length of the table does not matter. `pk` needs no index of its own: the table is read along its key."""
    for which in WHICH:
        for sort in SORTS.get(which, SORTS["attention"]):
            for chosen in FILTERS:
                found = listing(wanted(which, sort=sort, **chosen), database_now())
                for part in found._ordered(found.searched or found.parts):
                    steps = plan(part.values_list(found.column, "pk")[:50])
                    along_key = found.column == "pk" and steps == "SCAN billing_payment"  # as SQLite says it
                    assert along_key or not reads_whole_table(steps), (which, sort, chosen, steps)
                    assert not sorts(steps), (which, sort, chosen, steps)


@pytest.mark.parametrize(
    ("chosen", "index"),
    [
        ({"which": "attention"}, "payment_needs_a_person"),
        ({"which": "due"}, "payment_due"),
        ({"which": "open", "sort": "started"}, "payment_open_by_age"),
        ({"which": "open", "sort": "due"}, "payment_due"),
        ({"which": "newest", "created_from": "10m"}, "payment_by_day"),
    ],
)
def test_each_list_has_an_index_with_its_rows_only(chosen: dict[str, str], index: str) -> None:
    """It reads no rows of other lists. SQLite walks along the key where the list has the order of the key."""
    found = listing(wanted(**chosen), database_now())
    [rows] = found._ordered(found.parts)
    steps = plan(rows, only=index)
    assert index in steps or (connection.vendor == "sqlite" and found.column == "pk"), steps
    assert not sorts(steps), steps


@pytest.mark.parametrize("word", ["order-77", "77", "sb_77", "ann@example.com"])
def test_a_word_reads_indexes(word: str) -> None:
    """Each part of the condition has one. SQLite does not combine them where a part is an empty list."""
    write(COUNT)
    condition = named(word, project().references(word, 100))
    assert Payment.objects.filter(condition).count() <= 1
    steps = plan(Payment.objects.filter(condition).order_by().values_list("pk"), BY_CONDITIONS)
    assert connection.vendor == "sqlite" or not reads_whole_table(steps), steps
