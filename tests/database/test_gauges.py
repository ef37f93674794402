"""What is counted agrees with the tables, whatever is rolled back, lost or tried again."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db import InternalError, connection, transaction
from django.db.models import F
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from actors import pauses
from actors.models import Tick
from actors.scheduling.periods import Cron
from billing.metrics import accounts
from billing.models import AccountState, Payment
from billing.providers import provider_of
from commerce.models import Notification, Order
from config.database import counts
from config.due import lag
from config.due.queue import KINDS, database_now
from config.metrics.registry import DATABASE, READERS, Value, reader
from tests.metrics import Counted, Page, page
from tests.shop import Shop

# --- what is read ----------------------------------------------------------------------------------------------------


def test_lag_is_how_late_the_oldest_due_row_is(shop: Shop) -> None:
    """And 0 where nothing is due."""
    _order, payment = shop.order()
    shop.order()
    assert page().sum("tillkeeper_lag_seconds", work="payment") == 0

    Payment.objects.filter(pk=payment.pk).update(next_check_at=F("next_check_at") - timedelta(seconds=100))

    found = page()
    assert 90 < found.sum("tillkeeper_lag_seconds", work="payment") < 130
    assert found.sum("tillkeeper_due_rows", work="payment") == 1


def test_every_kind_of_work_has_its_lag(db: None) -> None:
    """A kind that somebody adds is there without another word."""
    nouns = {kind.noun for kind in KINDS.values()}
    assert page().labels("tillkeeper_lag_seconds", "work") == nouns >= {"payment_event"}


def test_payments_of_an_account_that_the_settings_forgot_are_not_forgotten(shop: Shop, settings: Settings) -> None:
    """They are still due, and nobody can ask about them."""
    _order, payment = shop.order()
    AccountState.objects.create(account="old")
    Payment.objects.filter(pk=payment.pk).update(account="old", next_check_at=F("created_at") - timedelta(seconds=60))

    assert "old" in accounts()
    assert page().sum("tillkeeper_due_rows", work="payment") == 1
    assert page().sum("tillkeeper_open_payments", account="old", track="fast") == 1


def test_a_long_backlog_is_not_counted_to_its_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """But the oldest is the oldest of all."""
    for _ in range(4):
        shop.order()
    Payment.objects.update(next_check_at=F("next_check_at") - timedelta(seconds=100))
    monkeypatch.setattr(counts, "COUNTED_AT_MOST", 3)

    found = page()
    assert found.sum("tillkeeper_due_rows", work="payment") == 3
    assert found.sum("tillkeeper_lag_seconds", work="payment") > 90


def test_what_a_person_must_look_at_is_told(shop: Shop) -> None:
    """By kind."""
    _order, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(attention="mismatch")
    assert page().sum("tillkeeper_attention_rows", kind="payment") == 1


def test_the_breaker_has_one_state(shop: Shop) -> None:
    """As the operator's page has it."""
    AccountState.objects.update_or_create(account="sandbox", defaults={"breaker": "open", "errors": 7})
    found = page()
    assert [found.sum("tillkeeper_breaker_state", account="sandbox", state=state) for state in ("closed", "open")] == [
        0,
        1,
    ]
    assert found.sum("tillkeeper_account_errors", account="sandbox") == 7


@pytest.fixture
def late_tick(db: None) -> float:
    """The hourly pruning was last due two hours ago, and fired ten seconds late; when that was, as a timestamp."""
    due_at = Cron("17 * * * *").latest(database_now() - timedelta(hours=2))
    Tick.objects.create(schedule="prune_history", due_at=due_at, fired_at=due_at + timedelta(seconds=10), fired_by="a")
    return due_at.timestamp()


def of_pruning(found: Page) -> dict[str, float]:
    """What the schedule's series say of that entry."""
    words = ("paused", "lateness_seconds", "overdue_seconds", "last_tick_timestamp_seconds")
    return {word: found.sum(f"tillkeeper_schedule_{word}", schedule="prune_history") for word in words}


def test_an_entry_that_nobody_fires_is_overdue(late_tick: float) -> None:
    """Since the tick after the last one, however late that was."""
    found = of_pruning(page())
    assert found["overdue_seconds"] >= 3_600
    assert (found["paused"], found["lateness_seconds"]) == (0, 10)
    assert found["last_tick_timestamp_seconds"] == late_tick


@pytest.mark.django_db
def test_a_paused_queue_says_so() -> None:
    """So that nobody is woken up because nobody consumes it."""
    pauses.pause(pauses.QUEUE, "routine", "olga", "the mail server moves")
    found = page()
    assert [found.sum("tillkeeper_queue_paused", queue=queue) for queue in ("routine", "urgent")] == [1, 0]


def test_a_paused_entry_is_neither_late_nor_overdue(late_tick: float) -> None:
    """An operator wanted it so; when it was last fired is still told."""
    pauses.pause(pauses.SCHEDULE, "prune_history", "ann", "maintenance")
    found = of_pruning(page())
    assert found == {
        "paused": 1,
        "lateness_seconds": 0,
        "overdue_seconds": 0,
        "last_tick_timestamp_seconds": late_tick,
    }


def test_ticks_that_a_pause_used_up_were_not_missed_and_not_fired(late_tick: float) -> None:
    """An entry that goes on after a pause is overdue from its next tick on; what it fired last is older."""
    now = database_now()
    used_up = Cron("17 * * * *").latest(now)
    Tick.objects.create(schedule="prune_history", due_at=used_up, fired_at=now, fired_by="a", paused=True)
    found = of_pruning(page())
    assert (found["paused"], found["lateness_seconds"]) == (0, 10)
    assert found["overdue_seconds"] < 60  # should the next tick come due right now
    assert found["last_tick_timestamp_seconds"] == late_tick


def test_a_house_without_accounts_has_a_page(db: None, settings: Settings) -> None:
    """There is nothing to ask about payments then, and that is no failure."""
    settings.PAYMENT_ACCOUNTS = {}
    found = page()
    assert found.sum("tillkeeper_reader_up") == len([each for each in READERS.values() if each.source == DATABASE])
    assert found.sum("tillkeeper_due_rows", work="payment") == 0


def test_a_page_asks_few_questions(shop: Shop, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    """As many for ten accounts as for one; each of them waits for its turn on a busy host."""
    for number in range(10):
        AccountState.objects.create(account=f"account-{number}")
    with django_assert_max_num_queries(61):
        page()


def test_a_reader_that_fails_hides_no_other(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Prometheus is told which one it was."""

    @reader(DATABASE)
    def broken() -> Iterator[Value]:
        Payment.objects.extra(where=["no_such_column = 1"]).count()
        yield lag.LAG_SECONDS, ("nothing",), 1.0

    try:
        found = page()
    finally:
        del READERS["broken"]
    assert found.sum("tillkeeper_reader_up", reader="broken") == 0
    assert found.sum("tillkeeper_reader_up") == len([each for each in READERS.values() if each.source == DATABASE])
    assert "metrics.not_read" in caplog.text


# --- what is counted -------------------------------------------------------------------------------------------------


def test_counters_agree_with_the_tables(shop: Shop, counted: Counted) -> None:
    """Orders, payments, mails: three paid, one open."""
    for _ in range(3):
        shop.paid()
    shop.order()

    assert counted("tillkeeper_orders_total", event="placed") == Order.objects.count() == 4
    assert counted("tillkeeper_orders_total", event="paid") == Order.objects.filter(status="paid").count() == 3
    succeeded = Payment.objects.filter(status="succeeded").count()
    assert counted("tillkeeper_payments_total", status="succeeded") == succeeded == 3
    assert counted("tillkeeper_payment_settle_seconds_count", status="succeeded") == succeeded
    unsent = Notification.objects.exclude(status="sent").count()
    assert counted("tillkeeper_mails_total", outcome="sent") + unsent == Notification.objects.count()
    assert page().sum("tillkeeper_unsent_mails") == unsent


def test_nothing_is_counted_that_was_rolled_back(shop: Shop, counted: Counted) -> None:
    """The tables know nothing of it."""
    with transaction.atomic():
        shop.paid()
        transaction.set_rollback(True)

    for name in ("tillkeeper_payments_total", "tillkeeper_outcomes_total", "tillkeeper_claims_total"):
        assert counted(name) == 0, name


def test_a_callback_that_polling_was_quicker_than_counts_as_lost(shop: Shop, counted: Counted) -> None:
    """One that told us first does not."""
    for by_callback in (True, False):
        _order, payment = shop.order()
        shop.buyer(payment, "pay")
        if by_callback:
            shop.receive(payment)
        else:
            Payment.objects.filter(pk=payment.pk).update(next_check_at=F("created_at"))
        shop.sweep()

    assert counted("tillkeeper_payments_total", status="succeeded", found_by="callback") == 1
    assert counted("tillkeeper_callbacks_lost_total", account="sandbox") == 1
    assert counted("tillkeeper_callbacks_total", result="received") == 1
    assert counted("tillkeeper_callbacks_total", result="looked") == 1


def test_every_claim_has_an_outcome(shop: Shop, counted: Counted) -> None:
    """In the words of the glossary."""
    shop.paid()
    _order, payment = shop.order()
    shop.look(payment)

    outcomes = {
        outcome: counted("tillkeeper_outcomes_total", work="payment", outcome=outcome)
        for outcome in page().labels("tillkeeper_outcomes_total", "outcome")
    }
    found = {outcome: times for outcome, times in outcomes.items() if times}
    # Two payments were introduced, which is a claim written with the row; the other two looks were claimed.
    assert counted("tillkeeper_claims_total", work="payment") + 2 == sum(found.values())
    assert found == {"snoozed": 3, "done": 1}


def test_a_question_to_the_provider_is_timed_by_what_came_of_it(shop: Shop, counted: Counted) -> None:
    """An error by its name."""
    _order, payment = shop.order()
    shop.look(payment)
    shop.sandbox.fault("status", "status_500")
    shop.look(payment)

    requests = "tillkeeper_provider_request_seconds_count"
    assert counted(requests, account="sandbox", operation="create", outcome="answered") == 1
    assert counted(requests, account="sandbox", operation="status", outcome="answered") == 1
    assert counted(requests, account="sandbox", operation="status", outcome="unavailable") == 1


def test_a_list_of_the_provider_is_one_question(shop: Shop, counted: Counted) -> None:
    """However many payments are on it."""
    for _ in range(3):
        shop.order()
    now = database_now()
    listed = list(provider_of("sandbox").payments_between(now - timedelta(hours=1), now + timedelta(hours=1)))

    assert len(listed) >= 3
    assert counted("tillkeeper_provider_request_seconds_count", operation="list", outcome="answered") == 1


def test_a_look_that_was_late_is_measured_against_its_promise(shop: Shop, counted: Counted) -> None:
    """One that somebody asked for has no promise."""
    _order, payment = shop.order()
    shop.look(payment)
    assert counted("tillkeeper_check_lateness_seconds_count") == 0

    Payment.objects.filter(pk=payment.pk).update(next_check_at=F("next_check_at") - timedelta(seconds=65))
    shop.sweep()

    assert counted("tillkeeper_check_lateness_seconds_count", track="fast") == 1
    assert 55 < counted("tillkeeper_check_lateness_seconds_sum", track="fast") < 90


# --- who may look ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remote", "forwarded_for", "status"),
    [
        ("127.0.0.1", "", 200),
        ("::1", "", 200),
        ("203.0.113.7", "", 403),
        ("127.0.0.1", "203.0.113.7", 403),
        ("127.0.0.1", "127.0.0.1", 403),
        ("", "", 403),
    ],
)
def test_strangers_do_not_see_the_page(db: None, client: Client, remote: str, forwarded_for: str, status: int) -> None:
    """A proxy that we do not know makes them look like neighbours."""
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
    assert client.get("/metrics", REMOTE_ADDR=remote, headers=headers).status_code == status


def test_behind_a_proxy_of_ours_the_network_decides(db: None, client: Client, settings: Settings) -> None:
    """As the proxy vouches for it."""
    settings.TRUSTED_PROXIES, settings.METRICS_ALLOWED = [ip_network("127.0.0.0/8")], [ip_network("10.1.0.0/16")]
    for address, status in (("10.1.2.3", 200), ("10.2.2.3", 403)):
        assert client.get("/metrics", headers={"X-Forwarded-For": address}).status_code == status


# --- the checkout ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["add", "cart", "form"])
def test_an_error_before_the_button_is_a_checkout_that_fails(
    shop: Shop, client: Client, counted: Counted, stage: str
) -> None:
    """Customers who cannot reach the button cannot buy; a page that is not there is no error."""
    product, client.raise_request_exception = shop.product(), False
    client.post("/cart/add/", {"product": product.pk})
    assert client.post("/cart/add/", {"product": 10**9}).status_code == 404
    assert counted("tillkeeper_checkout_seconds_count") == 0
    ask = {
        "add": lambda: client.post("/cart/add/", {"product": product.pk}),
        "cart": lambda: client.get("/cart/"),
        "form": lambda: client.get("/checkout/"),
    }

    def refuse(execute: Callable[..., object], sql: str, *more: object) -> object:
        if "commerce_cartitem" in sql:
            raise InternalError("cannot execute INSERT in a read-only transaction")
        return execute(sql, *more)

    with connection.execute_wrapper(refuse):
        assert ask[stage]().status_code == 500

    assert counted("tillkeeper_checkout_seconds_count", outcome="error") == 1


@pytest.mark.parametrize(("address", "outcome"), [("1 Main Street", "sent_on"), ("", "refused")])
def test_the_button_of_the_checkout_is_timed(
    shop: Shop, client: Client, counted: Counted, address: str, outcome: str
) -> None:
    """To look at the form is no checkout."""
    product = shop.product()
    client.post("/cart/add/", {"product": product.pk})
    client.get("/checkout/")
    client.post("/checkout/", {"email": "ann@example.com", "name": "Ann", "address": address})

    assert counted("tillkeeper_checkout_seconds_count") == 1
    assert counted("tillkeeper_checkout_seconds_count", outcome=outcome) == 1
