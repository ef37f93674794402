"""What is done at the console, and what is recorded of it."""

import json
from collections.abc import Iterator
from datetime import timedelta

import dramatiq
import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from dramatiq.broker import MessageProxy

from actors import pauses
from actors.console.actions import ACTIONS
from actors.operations.dead_letters import find
from actors.operations.queries import cached_query, paging
from actors.operations.queries.queues import expire
from billing.models import AccountState, Breaker, Payment
from commerce.models import Notification, Order, OrderStatus
from config.messaging.nudges import publisher
from tests.consoles import do, job, somebody
from tests.shop import Shop


def test_what_stops_work_is_not_done_without_a_reason(boss: Client, house: dict[str, str]) -> None:
    """The page asks instead, and says again what it is about."""
    for act in (act for act in ACTIONS if act.asks_why):
        for why in (None, "   "):
            answer = do(boss, act.name, house[act.name], why=why)
            assert answer.status_code == (200 if why is None else 409)
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
    assert pauses.paused(pauses.QUEUE) == {}
    assert [entry.object_id for entry in LogEntry.objects.all()] == ["routine", "routine"]


def test_a_schedule_entry_is_paused_and_resumed(boss: Client, house: dict[str, str]) -> None:
    """Only entries that there are."""
    do(boss, "pause-entry", "settle_orders", "no_such_entry")
    assert pauses.paused(pauses.SCHEDULE).keys() == {"settle_orders"}
    assert "paused" in boss.get(reverse("console:schedule")).content.decode()

    do(boss, "resume-entry", "settle_orders", why=None)
    assert pauses.paused(pauses.SCHEDULE) == {}


def test_chosen_payments_are_checked_together(boss: Client, shop: Shop) -> None:
    """Those that the provider never had are left alone, and that is said."""
    (_, first), (_, second), (_, refused) = shop.order(), shop.order(), shop.order()
    never_there = {"status": "failed", "provider_ref": "", "next_check_at": None, "ended_at": timezone.now()}
    Payment.objects.filter(pk=refused.pk).update(**never_there)
    later = timezone.now() + timedelta(hours=1)
    Payment.objects.filter(pk__in=[first.pk, second.pk]).update(next_check_at=later)

    page = boss.post(
        reverse("console:check-payment"),
        {"key": [str(first.pk), str(second.pk), str(refused.pk), "0", "x"]},
        follow=True,
    ).content.decode()

    assert "Payments the provider is asked about now: 2." in page
    assert "Payments that the provider never had: 1." in page
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
    nonsense = ["", "x" * 5_000, "9" * 30, "²", "☕", "' OR 1=1 --", "payment:", ":1", "payment:²"]

    for act in ACTIONS:
        assert do(boss, act.name, *nonsense).status_code == 302, act.name
    assert not LogEntry.objects.exists()


def test_too_many_at_once_are_refused(boss: Client, house: dict[str, str]) -> None:
    """It is one request, and somebody waits for it."""
    keys = [str(number) for number in range(501)]
    page = boss.post(reverse("console:check-payment"), {"key": keys}, follow=True).content.decode()
    assert "please choose 500 rows or fewer" in page


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"])
def test_a_button_leads_back_to_our_own_pages(boss: Client, house: dict[str, str], wanted: str) -> None:
    """Whatever the form says."""
    answer = boss.post(reverse("console:run-now"), {"key": "settle_orders", "next": wanted})
    assert answer["Location"] == reverse("console:overview")


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Dead letters: two of one actor, one of another; their ids. Pages wait for a broker that is slow to answer."""
    monkeypatch.setattr(cached_query, "PATIENCE_S", 20.0)
    broker = dramatiq.get_broker()
    dead = broker.dead_letters_by_queue["urgent"]  # type: ignore[attr-defined]
    dead.clear()
    messages = [broker.get_actor(name).message(*args) for name, args in LETTERS]
    dead.extend(MessageProxy(message) for message in messages)
    expire()
    yield [message.message_id for message in messages]
    dead.clear()
    expire()


LETTERS: list[tuple[str, list[int]]] = [("check_payment", [1]), ("check_payment", [2]), ("settle_orders", [])]


def test_as_many_letters_as_are_dropped_are_told_and_gone(boss: Client, letters: list[str]) -> None:
    """In the message, in the history, and on the page that comes next, however soon that is."""
    page = boss.get(reverse("console:queues")).content.decode()
    assert all(letter in page for letter in letters)

    page = boss.post(
        reverse("console:letter-drop"),
        {"key": "queue:urgent", "why": "junk", "next": reverse("console:queues")},
        follow=True,
    ).content.decode()

    assert "Dead letters dropped: 3." in page
    assert not [letter for letter in letters if letter in page]
    assert LogEntry.objects.get().get_change_message() == "Dead letters dropped (3): junk"


def test_letters_can_be_chosen_by_actor(boss: Client, letters: list[str]) -> None:
    """The page offers it, and the others stay."""
    page = boss.get(reverse("console:queues")).content.decode()
    assert 'value="actor:check_payment"' in page
    assert 'value="actor:settle_orders"' in page
    assert "All of" not in somebody("read").get(reverse("console:queues")).content.decode()

    do(boss, "letter-drop", "actor:check_payment", why="junk")

    assert [letter.key for letter in find()] == letters[2:]


def test_letters_of_a_queue_without_a_name_are_not_all_letters(boss: Client, letters: list[str]) -> None:
    """An empty part of the filter matches every one of them."""
    do(boss, "letter-drop", "queue:", "actor:", why="junk")

    assert [letter.key for letter in find()] == letters


def test_a_letter_tells_why_it_died(boss: Client, letters: list[str]) -> None:
    """From the history; so does one that is quarantined."""
    job(message_id=letters[0], outcome="failed", error="ValueError: <b>no such thing")
    job(message_id=letters[1], outcome="quarantined", error="it ended its worker 3 times")

    page = boss.get(reverse("console:queues")).content.decode()

    assert escape("ValueError: <b>no such thing") in page
    assert "it ended its worker 3 times" in page


# --- all that a filter finds -----------------------------------------------------------------------------------------


def later(*payments: Payment) -> None:
    """Their next checks are far away."""
    Payment.objects.filter(pk__in=[payment.pk for payment in payments]).update(
        next_check_at=timezone.now() + timedelta(hours=1)
    )


def due() -> int:
    """The payments that are asked about now."""
    return Payment.objects.filter(next_check_at__lte=timezone.now()).count()


def test_all_payments_that_a_filter_finds_are_checked_after_a_question(boss: Client, shop: Shop) -> None:
    """The question has the number; the history has the filter, once."""
    later(*(shop.order()[1] for _ in range(3)))
    address, key = reverse("console:check-payments"), "3:which=open&account=sandbox&sort=-started"

    question = boss.post(address, {"key": key}).content.decode()
    assert "Check all 3 payments?" in question
    assert due() == 0
    page = boss.post(address, {"key": key, "confirmed": "yes"}, follow=True).content.decode()

    assert "Payments the provider is asked about now: 3." in page
    assert due() == 3
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.get_change_message()) == (
        "payments: 3 (Open · sandbox)", "Payments the provider is asked about now (3).",
    )  # fmt: skip


def test_no_more_than_were_shown_are_checked(boss: Client, shop: Shop) -> None:
    """What the filter finds now; it may find others than a minute ago."""
    later(*(shop.order()[1] for _ in range(3)))
    do(boss, "check-payments", "2:which=open", why=None)
    assert due() == 0  # nothing was confirmed

    boss.post(reverse("console:check-payments"), {"key": "2:which=open", "confirmed": "yes"})
    assert due() == 2


@pytest.mark.parametrize(
    "key", ["0:which=open", "3", ":which=open", "3:status=fine", "x:which=open", "9" * 30 + ":q=1"]
)
def test_a_filter_that_is_not_valid_is_not_acted_on(boss: Client, shop: Shop, key: str) -> None:
    """Also one without a number that somebody has seen."""
    shop.order()
    assert boss.post(reverse("console:check-payments"), {"key": key, "confirmed": "yes"}).status_code == 302
    assert not LogEntry.objects.exists()


def test_all_jobs_that_a_search_finds_are_run_again(boss: Client, house: dict[str, str]) -> None:
    """Those whose actor is gone are left out; without a search there is nothing to run again."""
    job(actor="settle_orders", args="[]", outcome="failed"), job(actor="gone", outcome="failed"), job()
    address = reverse("console:jobs-again")
    assert "Run all 2 jobs again?" in boss.get(address, {"key": "2:q=outcome:failed"}).content.decode()

    page = boss.post(address, {"key": "2:q=outcome:failed", "confirmed": "yes"}, follow=True).content.decode()

    assert "Jobs that are run again: 1." in page
    assert LogEntry.objects.get().object_repr == "jobs: 2 (outcome:failed)"
    assert boss.post(address, {"key": "2:q=", "confirmed": "yes"}).status_code == 302
    assert LogEntry.objects.count() == 1


def test_a_filter_is_never_cut_to_one_that_finds_more(boss: Client, shop: Shop) -> None:
    """The end of a long query would be lost, and with it a condition."""
    later(shop.order()[1])
    key = f"1:which=open&utm={'x' * 2_000}&status=succeeded"
    assert boss.post(reverse("console:check-payments"), {"key": key, "confirmed": "yes"}).status_code == 302
    assert due() == 0


def test_that_none_was_done_is_said_without_a_number(boss: Client, house: dict[str, str]) -> None:
    """One question is not one row: what a filter finds may have changed since."""
    never_there = {"status": "failed", "provider_ref": "", "next_check_at": None, "ended_at": timezone.now()}
    Payment.objects.update(**never_there)
    job(actor="gone", outcome="failed"), job(actor="gone", outcome="failed")
    for action, key, said in (
        ("check-payments", "7:status=failed", "the filter finds no payments that their providers have."),
        ("check-payments", "7:status=refunded", ""),
        ("jobs-again", "7:q=gone", "gone cannot be run again: no such actor"),
    ):
        answer = boss.post(reverse(f"console:{action}"), {"key": key, "confirmed": "yes"})
        assert answer.status_code == (409 if said else 302)
        assert said in answer.text
    assert not LogEntry.objects.exists()


def test_the_button_for_all_says_how_many(boss: Client, shop: Shop) -> None:
    """Where the page does not show them all."""
    later(*(shop.order()[1] for _ in range(2)))
    page = reverse("console:payments")
    assert "Check all found" not in boss.get(page, {"which": "open"}).content.decode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(paging, "ROWS", 1)
        shown = boss.get(page, {"which": "open"}).content.decode()
    assert "Check all found (2)…" in shown
    assert 'value="2:which=open"' in shown
