"""The console: who may see and do what, what is recorded, and that whatever stands in a row stays text."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.db.models import CharField, Model, TextField
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.html import escape
from pytest_django.fixtures import Settings

from actors.console.acts import ACTS
from actors.console.facts import payment as one_payment
from actors.console.facts import payments, work
from actors.console.facts.overview import overview
from actors.console.pages import PAGES
from actors.jobs import pauses
from actors.kinds import KINDS
from actors.models import Job, Tick, Worker
from actors.schedule import table
from billing import breaker
from billing.models import AccountState, Attention, Breaker, Payment
from commerce.models import Notification, Order, OrderStatus
from config.nudges import publisher
from tests import backstage, reporting
from tests.shop import Shop

HOSTILE = '<script>alert("x")</script>{{ 7|add:7 }}{% now "Y" %}\u202eevil' + "pneumono" * 38
MOST_QUERIES = 80
"""The overview asks everything; what matters is that no row costs a query."""

LEVELS = {"read": "Console: read", "act": "Console: act", "configure": "Console: configure"}


def job(**facts: Any) -> Job:
    """One that ended a moment ago."""
    now = timezone.now()
    usual: dict[str, Any] = {
        "message_id": "m-1", "actor": "check_payment", "queue": "urgent", "args": "[7]", "attempt": 1,
        "outcome": Job.Outcome.DONE, "began_at": now - timedelta(seconds=1), "ended_at": now, "waited_s": 0.1,
        "worker": "host:1:abc",
    }  # fmt: skip
    return Job.objects.create(**{**usual, **facts})


def worker(**facts: Any) -> Worker:
    """One that was seen a moment ago."""
    now = timezone.now()
    usual: dict[str, Any] = {"name": "host:1:abc", "host": "host", "pid": 1, "queues": ["urgent"], "threads": 8}
    return Worker.objects.create(**{**usual, "started_at": now, "seen_at": now, **facts})


def given_up(order: Order) -> Notification:
    """A mail that nobody sends any more."""
    return backstage.mail(order, status="given_up", error="550 no such user")


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """The real hasher is slow on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def boss(client: Client) -> Client:
    """Who may do everything."""
    client.force_login(User.objects.create(username="boss", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def house(shop: Shop) -> dict[str, str]:
    """Something of everything; for each act a key that it finds."""
    order = reporting.order(OrderStatus.AWAITING_PAYMENT, timezone.now())
    payment = Payment.objects.get(reference=order.public_id)
    mail = given_up(order)
    state = breaker.of("sandbox")
    ran, _ = job(), worker()
    return {
        "look-now": "payment",
        "look-at": f"payment:{payment.pk}",
        "check-payment": str(payment.pk),
        "job-again": str(ran.pk),
        "pause-queue": "urgent",
        "resume-queue": "urgent",
        "letter-again": "queue:urgent",
        "letter-drop": "queue:urgent",
        "run-now": "settle_orders",
        "pause-entry": "settle_orders",
        "resume-entry": "settle_orders",
        "open-breaker": state.account,
        "close-breaker": state.account,
        "send-mail-again": str(mail.pk),
    }


def somebody(level: str | None) -> Client:
    """A member of the staff with this level of permission, through the group that the command makes; or none."""
    call_command("consoleroles", stdout=StringIO())
    user = User.objects.create_user(f"user-{level}", is_staff=True)
    if level:
        user.groups.add(Group.objects.get(name=LEVELS[level]))
    client = Client()
    client.force_login(user)
    return client


def addresses() -> dict[str, str]:
    """Every page, those of a row for a row that is there."""
    rows: dict[str, dict[str, Any]] = {
        "kind": {"name": "payment"},
        "payment": {"pk": Payment.objects.latest("pk").pk},
        "job": {"pk": Job.objects.latest("pk").pk},
    }
    return {page.name: reverse(f"console:{page.name}", kwargs=rows.get(page.name)) for page in PAGES}


def do(client: Client, act: str, *keys: str, why: str | None = "because") -> Any:
    """Press the button, and give a reason."""
    reason = {"why": why} if why is not None else {}
    return client.post(reverse(f"console:{act}"), {"key": list(keys), **reason})


# --- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [None, *LEVELS])
def test_each_page_is_for_those_who_may_read(house: dict[str, str], level: str | None) -> None:
    """All three ways of it; whoever may do nothing is told so."""
    client, expected = somebody(level), 200 if level else 403

    for name, address in addresses().items():
        for way in ("", "?part=live", "?as=json"):
            assert client.get(address + way).status_code == expected, (name, way)


@pytest.mark.parametrize("level", [None, *LEVELS])
def test_each_act_is_for_those_who_may(house: dict[str, str], level: str | None) -> None:
    """Neither its question nor its doing; a level below is refused, and nothing is recorded."""
    client = somebody(level)

    for act in ACTS:
        may = level == "configure" or (level == "act" and "actors.console_configure" not in act.needs)
        asked = client.get(reverse(f"console:{act.name}"), {"key": house[act.name]})
        done = do(client, act.name, house[act.name])
        assert (asked.status_code, done.status_code) == ((200, 302) if may else (403, 403)), act.name
    assert LogEntry.objects.exists() == (level in ("act", "configure"))


def test_the_console_does_not_widen_what_one_may_in_other_rooms(house: dict[str, str]) -> None:
    """Acting in the console is not enough to make a payment move."""
    client = somebody("act")
    Group.objects.get(name=LEVELS["act"]).permissions.remove(
        *Group.objects.get(name=LEVELS["act"]).permissions.filter(codename="change_payment")
    )

    assert do(client, "check-payment", house["check-payment"]).status_code == 403
    assert do(client, "look-at", house["look-at"]).status_code == 403
    assert do(client, "run-now", "settle_orders").status_code == 302


def test_strangers_and_customers_are_asked_to_log_in(house: dict[str, str], client: Client) -> None:
    """By the admin's own page; a customer's login does not count."""
    for address in (*addresses().values(), *(reverse(f"console:{act.name}") for act in ACTS)):
        assert client.get(address)["Location"].startswith("/admin/login/")
    client.force_login(User.objects.create_user("ann"))
    assert client.get(reverse("console:overview"))["Location"].startswith("/admin/login/")


def test_nothing_is_done_without_the_token_of_the_page(house: dict[str, str]) -> None:
    """A page elsewhere cannot press our buttons."""
    User.objects.create_superuser("root")
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="root"))

    for act in ACTS:
        assert do(client, act.name, house[act.name]).status_code == 403
    assert not LogEntry.objects.exists()


def test_the_way_in_is_on_the_first_page_of_the_admin(house: dict[str, str]) -> None:
    """For those who may go there."""
    assert reverse("console:overview") in somebody("read").get("/admin/").content.decode()
    assert reverse("console:overview") not in somebody(None).get("/admin/").content.decode()


def test_buttons_are_shown_to_those_who_may_press_them(house: dict[str, str]) -> None:
    """The others see the same page without."""
    page = addresses()["queues"]
    assert reverse("console:pause-queue") in somebody("configure").get(page).content.decode()
    assert reverse("console:pause-queue") not in somebody("act").get(page).content.decode()


# --- acting ----------------------------------------------------------------------------------------------------------


def test_what_stops_work_is_not_done_without_a_reason(boss: Client, house: dict[str, str]) -> None:
    """The page asks instead, and says again what it is about."""
    for act in (act for act in ACTS if act.asks_why):
        for why in (None, "   "):
            answer = do(boss, act.name, house[act.name], why=why)
            assert answer.status_code == 200
            assert escape(str(act.explanation)) in answer.content.decode()
    assert not LogEntry.objects.exists()


def test_who_did_it_and_why_stands_in_the_history(boss: Client, house: dict[str, str]) -> None:
    """On the page of the row, in the admin, and on the console's first page."""
    do(boss, "open-breaker", "sandbox", why="they asked us to")

    entry = LogEntry.objects.get()
    assert entry.user.get_username() == "boss"
    assert entry.get_change_message() == "Breakers opened by hand: they asked us to"
    assert entry.get_edited_object() == AccountState.objects.get()
    assert AccountState.objects.get().breaker == Breaker.HELD
    assert "they asked us to" in boss.get(reverse("console:overview")).content.decode()


def test_a_queue_is_paused_and_resumed(boss: Client, house: dict[str, str]) -> None:
    """With a reason; whoever comes second changes nothing, and the first page does not forget it."""
    do(boss, "pause-queue", "routine", why="the mail server moves")
    again = boss.post(reverse("console:pause-queue"), {"key": "routine", "why": "me too"}, follow=True)

    assert "Paused already: 1." in again.content.decode()
    assert LogEntry.objects.count() == 1
    assert "the mail server moves" in boss.get(reverse("console:overview")).content.decode()
    do(boss, "resume-queue", "routine", why=None)
    assert pauses.paused(pauses.QUEUE) == frozenset()
    assert [entry.object_id for entry in LogEntry.objects.all()] == ["routine", "routine"]


def test_a_schedule_entry_is_paused_and_resumed(boss: Client, house: dict[str, str]) -> None:
    """Only entries that there are."""
    do(boss, "pause-entry", "settle_orders", "no_such_entry")
    assert pauses.paused(pauses.SCHEDULE) == {"settle_orders"}
    assert "paused" in boss.get(reverse("console:schedule")).content.decode()

    do(boss, "resume-entry", "settle_orders", why=None)
    assert pauses.paused(pauses.SCHEDULE) == frozenset()


def test_chosen_payments_are_checked_together(boss: Client, shop: Shop) -> None:
    """Those that have come to their end are left alone, and that is said."""
    (_, first), (_, second), (_, paid) = shop.order(), shop.order(), shop.paid()
    later = timezone.now() + timedelta(hours=1)
    Payment.objects.filter(pk__in=[first.pk, second.pk]).update(next_check_at=later)

    page = boss.post(
        reverse("console:check-payment"), {"key": [str(first.pk), str(second.pk), str(paid.pk), "0", "x"]}, follow=True
    ).content.decode()

    assert "Payments the provider is asked about now: 2." in page
    assert "Payments whose outcome is known already: 1." in page
    assert Payment.objects.filter(next_check_at__lte=timezone.now()).count() == 2
    assert LogEntry.objects.filter(content_type__model="payment").count() == 2


def test_a_mail_is_sent_again(boss: Client, house: dict[str, str]) -> None:
    """As its page in the admin does it."""
    do(boss, "send-mail-again", house["send-mail-again"], why="the address is right now")

    mail = Notification.objects.get(pk=house["send-mail-again"])
    assert mail.status == Notification.Status.QUEUED
    assert "the address is right now" in LogEntry.objects.get().get_change_message()


def test_an_order_never_expires_early_because_somebody_looked(boss: Client, house: dict[str, str]) -> None:
    """Its due time is what the customer was told."""
    order = Order.objects.get(status=OrderStatus.AWAITING_PAYMENT)

    do(boss, "look-at", f"order:{order.pk}")

    assert Order.objects.get(pk=order.pk).expires_at == order.expires_at
    assert not LogEntry.objects.exists()


def test_looking_now_nudges_the_sweep(boss: Client, house: dict[str, str]) -> None:
    """And a row comes due at once."""
    Payment.objects.update(next_check_at=timezone.now() + timedelta(hours=1))
    before = publisher.sent + publisher.dropped

    do(boss, "look-now", "notification", why=None)
    do(boss, "look-at", house["look-at"], why=None)

    publisher.flush(timeout_s=5)
    assert publisher.sent + publisher.dropped == before + 2
    assert Payment.objects.filter(next_check_at__lte=timezone.now()).exists()


def test_a_job_is_run_again_with_its_arguments(boss: Client, house: dict[str, str]) -> None:
    """If there still is such an actor, and its arguments were kept."""
    gone, long = job(actor="forgotten"), job(args=json.dumps("900 characters"))

    page = boss.post(
        reverse("console:job-again"), {"key": [house["job-again"], str(gone.pk), str(long.pk)]}, follow=True
    ).content.decode()

    assert "Jobs that are run again: 1." in page
    assert "no such actor" in page
    assert "its arguments are gone" in page


def test_a_key_that_means_nothing_does_nothing(boss: Client, house: dict[str, str]) -> None:
    """It is said, and leads back."""
    nonsense = ["", "\0", "x" * 5_000, "9" * 30, "²", "☕", "' OR 1=1 --", "payment:", ":1", "payment:²"]

    for act in ACTS:
        assert do(boss, act.name, *nonsense).status_code == 302, act.name
    assert not LogEntry.objects.exists()


def test_too_many_at_once_are_refused(boss: Client, house: dict[str, str]) -> None:
    """It is one request, and somebody waits for it."""
    keys = [str(number) for number in range(501)]
    page = boss.post(reverse("console:check-payment"), {"key": keys}, follow=True).content.decode()
    assert "please choose 500 rows at the most" in page


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"])
def test_a_button_leads_back_to_our_own_pages(boss: Client, house: dict[str, str], wanted: str) -> None:
    """Whatever the form says."""
    answer = boss.post(reverse("console:run-now"), {"key": "settle_orders", "next": wanted})
    assert answer["Location"] == reverse("console:overview")


# --- what is shown ---------------------------------------------------------------------------------------------------


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
    pages += [boss.get(reverse(f"console:{act.name}"), {"key": house[act.name]}).content.decode() for act in ACTS]
    do(boss, "close-breaker", "sandbox", why=HOSTILE[:150])
    pages.append(boss.get(reverse("console:overview")).content.decode())

    for page in pages:
        assert "<script>alert" not in page
        assert "{{" not in page or escape("{{ 7|add:7 }}") in page
    assert sum(escape('<script>alert("x")') in page for page in pages) > 20


def test_whatever_is_searched_for_is_text_too(boss: Client, house: dict[str, str]) -> None:
    """It finds something or nothing."""
    for words in (
        "\0",
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
    assert told["workers"]["workers"][0]["host"] == "host"
    assert told["job"]["job"]["actor"] == "check_payment"


def test_no_row_costs_a_query(boss: Client, house: dict[str, str]) -> None:
    """Thirty of each cost as many as one."""

    def queries(address: str) -> int:
        boss.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert boss.get(address).status_code == 200
        return len(captured)

    before = {name: queries(address) for name, address in addresses().items()}
    for number in range(30):
        order = reporting.order(OrderStatus.AWAITING_PAYMENT, timezone.now())
        given_up(order)
        job(message_id="m-1")
        worker(name=f"host:{number}:x", busy=[{"actor": "a", "message_id": "m", "args": "[]", "since": "x"}])
    Payment.objects.update(attention=Attention.MISMATCH)

    after = {name: queries(address) for name, address in addresses().items()}
    lost = {"overview": 1}  # when the oldest payment that waits for a person began
    assert {name: after[name] - before[name] for name in after} == {name: lost.get(name, 0) for name in after}
    assert max(after.values()) <= MOST_QUERIES


def test_a_page_of_a_row_that_is_gone_is_not_found(boss: Client, house: dict[str, str]) -> None:
    """Whoever comes late from a mail or a chat."""
    for address in ("payments/0/", "jobs/0/", "work/nothing/", "jobs/99999999999999999/"):
        assert boss.get(f"/admin/console/{address}").status_code == 404


def test_the_console_speaks_russian(boss: Client, house: dict[str, str]) -> None:
    """As the shop does."""
    with translation.override("ru"):  # which the next test forgets again
        for address in addresses().values():
            page = boss.get(address, headers={"Accept-Language": "ru"}).content.decode()
            assert "Консоль" in page


# --- facts -----------------------------------------------------------------------------------------------------------


def test_every_kind_of_work_tells_its_lag(shop: Shop) -> None:
    """How late the oldest due row is, and how many there are."""
    _, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(next_check_at=timezone.now() - timedelta(seconds=90))

    told = {backlog.name: backlog for backlog in work.work().backlogs}

    assert list(told) == ["payment", *(kind.name for kind in KINDS if kind.name != "payment")]
    assert (told["payment"].due.rows, round(told["payment"].lag_s, -1)) == (1, 90)
    assert told["payment"].is_late
    assert [row.text for row in work.kind_of_work(KINDS[0]).rows] == [str(shop.fresh(payment))]


def test_a_calm_house_says_so(shop: Shop) -> None:
    """Nothing due, nobody lost."""
    worker()
    now = timezone.now()
    Tick.objects.bulk_create(Tick(schedule=e.actor, due_at=e.period.latest(now), fired_by="x") for e in table())
    found = overview()
    assert [finding.text for finding in found.findings if "queue" not in finding.text] == []


def test_the_first_page_says_on_what_somebody_waits(shop: Shop) -> None:
    """Each in a sentence, with what helps beside it."""
    _, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(
        next_check_at=timezone.now() - timedelta(minutes=5), attention=Attention.MISMATCH
    )
    breaker.open_by_hand("sandbox", "olga", "they asked us to")
    worker(
        seen_at=timezone.now() - timedelta(minutes=3),
        busy=[dict.fromkeys(("actor", "message_id", "args"), "x") | {"since": ""}],
    )

    told = " ".join(finding.text for finding in overview().findings)

    for words in (
        "open payments: 1 due, and nobody has looked.",
        "olga opened its breaker by hand (they asked us to)", "Nobody fires the schedule",
        "No worker gives a sign of life", "ended without a word", "1 payment waits for a person",
    ):  # fmt: skip
        assert words in told


def test_open_payments_are_counted_by_track(shop: Shop) -> None:
    """Young ones, whose customers wait, and the others."""
    shop.order()
    _, old = shop.order()
    Payment.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=1))
    shop.paid()

    found = payments.payments(payments.Chosen("newest"))

    assert [(track.fast.rows, track.slow.rows) for track in found.tracks] == [(1, 1)]
    assert len(found.rows) == 3
    assert sum(slot.succeeded for slot in found.slots) == 1


@pytest.mark.parametrize(
    ("which", "found"), [("attention", 1), ("due", 1), ("open", 2), ("newest", 3), ("nonsense", 3)]
)
def test_payments_are_listed_as_wanted(shop: Shop, which: str, found: int) -> None:
    """Each list from an index of its own."""
    shop.paid()
    _, due = shop.order()
    _, parked = shop.order()
    Payment.objects.filter(pk=due.pk).update(next_check_at=timezone.now() - timedelta(seconds=5))
    Payment.objects.filter(pk=parked.pk).update(attention=Attention.REFUSED)

    assert len(payments.payments(payments.Chosen(which)).rows) == found
    assert len(payments.payments(payments.Chosen(which, account="sandbox")).rows) == found
    assert payments.payments(payments.Chosen(which, word=due.reference)).rows[0].pk == due.pk


def standing(payment: Payment) -> str:
    """Why it is where it is, in one text."""
    found = one_payment.one_payment(payment.pk)
    assert found is not None
    return " ".join(found.standing)


def test_why_a_payment_is_where_it_is(shop: Shop) -> None:
    """Whatever holds it up is said, the decisive thing first."""
    _, payment = shop.order()
    assert "It is open because the provider says “pending”." in standing(payment)
    assert "It is asked about again in" in standing(payment)

    breaker.open_by_hand("sandbox", "olga", "they asked us to")
    Payment.objects.filter(pk=payment.pk).update(
        attention=Attention.MISMATCH, attention_note="4.00 EUR came", errors=2, next_check_at=timezone.now()
    )
    told = standing(payment)
    assert told.startswith("A person must look: 4.00 EUR came.")
    for words in (
        "olga opened its breaker by hand",
        "The last 2 looks brought no usable answer",
        "It has been due for",
    ):
        assert words in told

    Payment.objects.filter(pk=payment.pk).update(claims=1, next_check_at=timezone.now() + timedelta(seconds=30))
    assert "A worker asks about it now" in standing(payment)


def test_why_a_payment_ended(shop: Shop) -> None:
    """Who found out, and what became of it; with the ways out that make sense, and the whole story."""
    order, payment = shop.paid()
    found = one_payment.one_payment(payment.pk)

    assert found is not None
    assert "It has ended: succeeded." in standing(payment)
    assert [way.title for way in found.ways_out] == ["Refund"]
    assert len(found.story) >= 4
    assert str(order.pk) in found.order
