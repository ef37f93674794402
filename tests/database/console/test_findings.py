"""Every finding, made true once: the console's first page and `jobs doctor` both show it, and show the same list."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import dramatiq
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db.migrations.recorder import MigrationRecorder
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone, translation
from dramatiq.broker import MessageProxy
from pytest_django.fixtures import Settings

from actors import pauses
from actors.models import LossyLog, Pause, Tick
from actors.operations.findings import findings_of, take_snapshot
from actors.operations.queries.cached_query import Latest
from actors.operations.queries.queues import Queues, expire
from actors.scheduling.table import Entry, entries, table
from billing.limits import breaker
from billing.models import AccountState, Attention, Breaker, Payment
from commerce.mail import limits, sending
from commerce.models import Notification, OrderStatus
from config.database.in_force import Difference
from config.due.queue import database_now
from tests import backstage, reporting
from tests.consoles import fired_until, given_up, worker
from tests.faces import Faces, Found, Told
from tests.mailing import mail_server
from tests.shop import Shop, another_customer


def test_a_calm_house_has_none(calm: None, found: Found, boss: Client) -> None:
    """And both faces say so."""
    assert found() == {}
    printed = StringIO()
    call_command("jobs", "doctor", stdout=printed)
    assert printed.getvalue() == "Nothing is wrong.\n"
    assert "All is well." in boss.get(reverse("console:overview")).content.decode()


def test_a_page_of_findings_leads_to_each_of_them(shop: Shop, found: Found, boss: Client) -> None:
    """With the button that helps."""
    breaker.open_by_hand("sandbox", "olga", "they asked us to")
    Payment.objects.update(attention=Attention.MISMATCH)
    found()
    page = boss.get(reverse("console:overview")).content.decode()
    for address in ("console:providers", "console:schedule", "console:workers"):
        assert f'<a href="{reverse(address)}"><bdi>' in page
    assert reverse("console:close-breaker") in page


# --- work and providers ----------------------------------------------------------------------------------------------


def test_work_that_is_late(calm: None, shop: Shop, found: Found) -> None:
    """By kind, with how much is due."""
    _, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(next_check_at=database_now() - timedelta(minutes=5))
    assert found() == {"open payments": "1 due, and no worker has checked them"}


def test_mails_that_wait_for_the_limit_of_the_mail_server(
    calm: None, shop: Shop, found: Found, settings: Settings
) -> None:
    """No sweep and no worker would help."""
    order, _ = shop.order()
    for recipient, facts in (
        ("one@example.com", {"sent_at": database_now()}),
        ("two@example.com", {"status": "queued", "send_after": database_now() - timedelta(minutes=5)}),
    ):
        Notification.objects.filter(pk=backstage.mail(order, recipient).pk).update(**facts)
    settings.EMAIL_MAX_PER_DAY = 1
    assert found() == {"mails": "1 due, and EMAIL_MAX_PER_MINUTE or EMAIL_MAX_PER_DAY is reached"}
    assert [value for _series, _labels, value in limits.allowed()] == [0]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"breaker": Breaker.HELD, "changed_by": "olga", "why": "a test"}, "olga opened its breaker by hand"),
        ({"breaker": Breaker.OPEN, "last_error": "no answer"}, "only single probes pass (no answer)"),
        ({"paused_until": timezone.now() + timedelta(days=1)}, "asked us to stop calls"),
    ],
    ids=["held", "open", "paused"],
)
def test_an_account_that_may_not_be_called(calm: None, found: Found, state: dict[str, object], said: str) -> None:
    """And why."""
    found()  # it makes the account's row
    AccountState.objects.filter(pk="sandbox").update(**state)
    assert said in found()["account sandbox"]


# --- schedule --------------------------------------------------------------------------------------------------------


def test_a_scheduler_that_is_gone(calm: None, found: Found) -> None:
    """A minute after its end, long before each of the daily entries was missed too; one finding for all entries."""
    Tick.objects.all().delete()
    fired_until(timedelta(minutes=2))
    assert list(found()) == ["schedule"]
    [finding] = findings_of(take_snapshot())
    assert finding.since is not None
    assert timedelta(seconds=115) < database_now() - finding.since < timedelta(seconds=300)


def test_one_entry_that_is_not_fired(calm: None, found: Found) -> None:
    """While the others are."""
    Tick.objects.filter(schedule="settle_orders").update(due_at=database_now() - timedelta(minutes=2))
    assert list(found()) == ["schedule settle_orders"]


def test_ticks_that_a_pause_used_up_are_not_missed(calm: None, found: Found) -> None:
    """The entry is fired again from its next tick on."""
    Tick.objects.update(paused=True)
    Tick.objects.bulk_create(
        Tick(schedule=e.actor, due_at=e.period.latest(database_now() - timedelta(days=2)), fired_by="x")
        for e in table()
    )
    assert found() == {}


def one_entry_too_many() -> list[Entry]:
    """A schedule of which one name is wrong."""
    return [*entries(), replace(entries()[0], actor="check_pendign_payments")]


def test_an_entry_without_an_actor(calm: None, found: Found, settings: Settings) -> None:
    """A name that is misspelt in the schedule, or whose module is not loaded."""
    settings.ACTOR_SCHEDULE = f"{__name__}.one_entry_too_many"
    assert found()["schedule check_pendign_payments"] == "no actor has this name"


@pytest.mark.parametrize(
    ("kind", "name", "subject"),
    [
        (pauses.QUEUE, "urgent", "queue urgent"),
        (pauses.SCHEDULE, "settle_orders", "schedule settle_orders"),
    ],
    ids=["queue", "schedule"],
)
def test_what_is_paused(calm: None, found: Found, kind: Pause.Kind, name: str, subject: str) -> None:
    """By whom, and why; it is not urgent, and nothing else is said of it."""
    pauses.pause(kind, name, "olga", "the server moves")
    Tick.objects.filter(schedule=name).delete()
    assert found() == {subject: "it is paused by olga: the server moves"}
    assert not findings_of(take_snapshot())[0].is_urgent


# --- workers ---------------------------------------------------------------------------------------------------------


def test_no_worker(found: Found, db: None) -> None:
    """None that gives a sign of life."""
    fired_until(timedelta(0))
    worker(seen_at=database_now() - timedelta(minutes=3))
    assert found()["workers"] == "no worker sends a heartbeat"


def test_a_lost_worker(calm: None, found: Found) -> None:
    """One that was idle is not missed, and after a day it is history."""
    busy = [{"actor": "check_payment", "message_id": "m", "args": "[]", "since": ""}]
    for name, minutes, runs in (("lost", 3, busy), ("idle", 3, []), ("old", 25 * 60, busy)):
        worker(name=name, seen_at=database_now() - timedelta(minutes=minutes), busy=runs)
    assert found() == {"worker lost": "it died while it ran check_payment"}


def test_a_log_that_drops_lines(calm: None, found: Found) -> None:
    """Its work goes on; ten minutes after the last lost line it is history."""
    now = database_now()
    LossyLog.objects.create(process="web host:1:abc", lines=293, dropped_at=now)
    for minutes, problems in ((9, {"web host:1:abc": "its log has dropped 293 lines since its start"}), (11, {})):
        LossyLog.objects.update(dropped_at=now - timedelta(minutes=minutes))
        assert found() == problems


def test_runs_that_the_history_lacks(found: Found, db: None) -> None:
    """As the worker itself counts them."""
    fired_until(timedelta(0))
    worker(queues=["urgent", "routine"], unrecorded=7)
    assert found() == {"worker host:1:abc": "7 runs are missing in the history"}


def test_several_releases(calm: None, found: Found) -> None:
    """Side by side, of workers that run."""
    worker(name="new", release="2.0")
    worker(name="gone", release="0.9", seen_at=database_now() - timedelta(minutes=3))
    assert found() == {"workers": f"several releases run side by side: {settings.RELEASE}, 2.0"}


# --- queues ----------------------------------------------------------------------------------------------------------


def test_a_queue_that_no_worker_takes(found: Found, db: None) -> None:
    """With actors that wait for it."""
    fired_until(timedelta(0))
    worker(queues=["urgent"])
    [(subject, problem)] = found().items()
    assert subject == "queue routine"
    assert problem.startswith("no worker takes its messages: ")


@pytest.fixture
def dead_letter() -> Iterator[None]:
    """One in the queue for urgent messages."""
    broker = dramatiq.get_broker()
    dead = broker.dead_letters_by_queue["urgent"]  # type: ignore[attr-defined]
    dead.clear()
    dead.append(MessageProxy(broker.get_actor("check_payment").message(1)))
    yield
    dead.clear()
    expire()


def test_dead_letters(calm: None, dead_letter: None, found: Found) -> None:
    """By queue."""
    assert found() == {"queue urgent": "1 dead letter"}


def test_what_only_rabbitmq_tells(calm: None) -> None:
    """It is silent; its queues are long, have no consumers or other arguments than ours; its plugin does not answer."""
    seen = take_snapshot()
    [queue, *_] = seen.queues.value or []
    long = replace(queue, name="urgent", ready=5_000)

    def said(**answers: object) -> list[str]:
        return [finding.problem for finding in findings_of(replace(seen, **answers))]  # type: ignore[arg-type]

    assert said(queues=Latest(problem="RabbitMQ does not answer")) == ["RabbitMQ does not answer"]
    assert said(queues=Latest([long])) == ["5000 messages wait"]
    assert said(refused_arguments={"routine.DQ": "x-ttl"}) == ["it exists with other arguments (x-ttl)"]
    no_rights = dict.fromkeys(("routine", "urgent"), "ACCESS_REFUSED - for till")
    assert said(refused_arguments=no_rights) == ["its user may not declare our queues (ACCESS_REFUSED - for till)"]
    lost = replace(queue, name="urgent", consumers=1, missing=("urgent", "urgent.XQ"))
    assert said(queues=Latest([lost])) == ["missing at the broker: urgent, urgent.XQ"]


def test_the_page_of_queues_marks_a_missing_one(calm: None) -> None:
    """By the names that the broker does not have."""
    [queue, *others] = [replace(queue, consumers=1) for queue in take_snapshot(20.0).queues.value or []]
    facts = Queues([replace(queue, missing=("routine.DQ", "routine.XQ")), *others], [], [], "", 0.0)
    page = render_to_string(
        "console/parts/queues.html", {"facts": facts, "may": {}, "request": RequestFactory().get("/")}
    )
    assert page.count("missing at the broker: ") == page.count(' class="bad">') == 1
    assert "missing at the broker: routine.DQ, routine.XQ" in page


ALL_BUSY = "its messages wait, and all threads of its workers are busy: check_payment"
SOME_IDLE = "its messages wait, though its workers have idle threads"


@pytest.mark.parametrize(
    ("busy_s", "oldest_s", "changes", "said"),
    [
        ([70, 80], None, {}, ALL_BUSY),
        ([50, 80], None, {}, None),
        ([80], None, {}, None),
        ([0, 1], 70, {}, ALL_BUSY),
        ([70, 80], 50, {}, None),
        ([80], 70, {}, SOME_IDLE),
        ([], 70, {}, SOME_IDLE),
        ([], 70, {"ready": 0}, None),
        ([], 70, {"name": "routine"}, None),
        ([], 700, {"name": "routine"}, SOME_IDLE),
        ([], 70, {"pause": Pause(name="urgent")}, None),
    ],
)
def test_messages_that_wait_though_workers_are_live(
    db: None, busy_s: list[int], oldest_s: float | None, changes: dict[str, object], said: str | None
) -> None:
    """For longer than they are of use: by the age of the oldest, or because no thread became free for so long."""
    fired_until(timedelta(0))
    now = database_now()
    busy = [
        {"actor": "check_payment", "message_id": "m", "args": "[]", "since": (now - timedelta(seconds=s)).isoformat()}
        for s in busy_s
    ]
    taken = {"queues": ["urgent", "routine"], "threads": 2, "busy": busy}
    worker(**taken, started_at=now - timedelta(minutes=15))
    seen = take_snapshot()
    [queue, *_] = seen.queues.value or []
    facts = {"name": "urgent", "ready": 5, "consumers": 1, "oldest_s": oldest_s, **changes}
    stuck = replace(seen, queues=Latest([replace(queue, **facts)]))  # type: ignore[arg-type]
    assert [finding.problem for finding in findings_of(stuck)] == ([said] if said else [])


def test_a_worker_that_has_just_started_may_find_old_messages(db: None) -> None:
    """They waited for it."""
    fired_until(timedelta(0))
    worker(queues=["urgent", "routine"])
    seen = take_snapshot()
    [queue, *_] = seen.queues.value or []
    old = replace(queue, name="urgent", ready=5, oldest_s=3_600.0)
    assert findings_of(replace(seen, queues=Latest([old]))) == []


# --- the database ----------------------------------------------------------------------------------------------------


def test_ticks_of_the_future(faces: Faces) -> None:
    """No scheduler runs that would delete them; without this finding all would seem well. Customers are served."""
    until = database_now() + timedelta(minutes=30)
    Tick.objects.create(schedule="settle_orders", due_at=until, fired_by="the old clock")

    problem = f"it counts as fired up to {until:%Y-%m-%d %H:%M:%S} UTC: the database's clock was set back"
    assert faces.told() == Told({"schedule": problem}, {"ClockSetBack"})


def test_a_database_that_differs(calm: None) -> None:
    """Its alert is a ticket, also about what would stop the next start.

    `tests/system/test_wrong_database.py` makes each of them true.
    """
    off = Difference("lock_timeout", "it is off in force", "Give it to the role.")
    encoding = Difference("DATABASE_URL", "its encoding is LATIN1", "Create another one.", stops_the_start=True)
    told = findings_of(replace(take_snapshot(), database=[off, encoding]))

    assert [(each.subject, each.is_urgent) for each in told] == [("lock_timeout", False), ("DATABASE_URL", False)]


# --- people and settings ---------------------------------------------------------------------------------------------


def test_rows_that_wait_for_a_person(calm: None, shop: Shop, found: Found) -> None:
    """Of every kind, counted, since the oldest of them began."""
    order, payment = shop.paid()
    Payment.objects.filter(pk=payment.pk).update(attention=Attention.MISMATCH)
    type(order).objects.filter(pk=order.pk).update(attention_note="paid twice")
    said = found()
    assert {subject: said.get(subject) for subject in ("payments", "orders")} == {
        "payments": "1 waits for a person",
        "orders": "1 waits for a person",
    }


def test_mails_that_were_given_up(shop: Shop, faces: Faces, found: Found, settings: Settings) -> None:
    """They are for office hours; the reason is told for an hour."""
    with mail_server(settings) as server:
        server.say_at("RCPT", "550 5.1.1 unknown")
        shop.paid()
        sending.send_due(10)
    assert faces.told() == Told(
        {"mails": "1 was given up; in the last hour 1 (recipient refused 550 5.1.1)"}, {"MailsGivenUp"}
    )
    Notification.objects.update(given_up_at=database_now() - timedelta(minutes=61))
    fired_until(timedelta(0))  # on a slow machine a minute has passed since `calm`
    assert found() == {"mails": "1 was given up"}


def test_mails_that_the_server_refuses(calm: None, found: Found) -> None:
    """They are urgent: it may be all of them, and nothing is given up that would call a person."""
    mail = given_up(reporting.order(OrderStatus.PAID))
    now = database_now()
    again = {"status": "queued", "send_after": now + timedelta(minutes=5), "refused_since": now}
    type(mail).objects.filter(pk=mail.pk).update(**again, error="recipient refused 554 5.7.1 Relay access denied")

    assert found() == {"mails": "the server refuses 1 (recipient refused 554 5.7.1)"}


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000", "http://[0::1]"])
def test_settings_that_do_not_suit_customers(calm: None, found: Found, settings: Settings, url: str) -> None:
    """They let a shop start, and harm it."""
    settings.PRODUCTION, settings.EMAIL_HOST, settings.SHOP_URL = True, "", url
    assert {"EMAIL_HOST", "SHOP_URL"} <= set(found())
    seen = take_snapshot()
    settings.BROKER_METRICS_URL = "http://127.0.0.1:9"
    unknown = [replace(queue, unacked=None) for queue in seen.queues.value or []]
    subjects = [finding.subject for finding in findings_of(replace(seen, queues=Latest(unknown)))]
    assert "BROKER_METRICS_URL" in subjects


# --- goods that are held ---------------------------------------------------------------------------------------------


def test_goods_that_unpaid_orders_hold(calm: None, shop: Shop, found: Found, settings: Settings) -> None:
    """Robots hold them, or a crowd: an operator sees it in office hours. Nothing of it is urgent."""
    settings.UNPAID_ORDERS_PER_NETWORK = 1
    espresso = shop.product(stock=20)
    for number in range(2):
        shop.order(espresso, quantity=6, by=replace(another_customer(number), network=f"{number:032}"))
    assert found() == {
        "unpaid orders": "2 networks have as many of them as UNPAID_ORDERS_PER_NETWORK allows",
        "product Espresso": "unpaid orders hold 12 of 20",
    }
    assert not any(finding.is_urgent for finding in findings_of(take_snapshot()))
    with translation.override("ru"):
        assert all(not finding.advice.isascii() for finding in findings_of(take_snapshot()))


def test_goods_that_were_paid_are_not_held(calm: None, shop: Shop, found: Found) -> None:
    """They are sold; a small rest of a stock is no reason either."""
    espresso = shop.product(stock=8)
    shop.paid(espresso, quantity=4)
    shop.order(espresso, quantity=4)
    assert found() == {}


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.fixture
def a_migration_is_missing(db: None) -> Iterator[None]:
    """The table of migrations outlives a test."""
    last = MigrationRecorder.Migration.objects.filter(app="actors").latest("pk")
    last.delete()
    yield
    last.save()


def test_a_database_that_lacks_migrations_is_the_only_finding(a_migration_is_missing: None, found: Found) -> None:
    """All else depends on it."""
    assert list(found()) == ["database"]


def test_urgent_findings_come_first_then_the_oldest(calm: None, shop: Shop) -> None:
    """So that whoever is on call reads from the top."""
    pauses.pause(pauses.SCHEDULE, "settle_orders", "olga", "a test")
    Payment.objects.update(attention=Attention.MISMATCH)
    _, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(next_check_at=database_now() - timedelta(hours=2))
    AccountState.objects.filter(pk=breaker.of("sandbox").pk).update(breaker=Breaker.OPEN, since=database_now())
    shown = findings_of(take_snapshot())
    assert [finding.subject for finding in shown] == ["open payments", "account sandbox", "schedule settle_orders"]


def test_a_finding_speaks_the_language_of_its_reader(calm: None) -> None:
    """All three parts of it."""
    pauses.pause(pauses.QUEUE, "urgent", "ольга", "проба")
    with translation.override("ru"):
        [finding] = findings_of(take_snapshot())
    assert finding.subject == "очередь urgent"
    assert finding.problem == "приостановлено, ольга: проба"
    assert not finding.advice.isascii()
