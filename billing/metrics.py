"""The metrics of billing: what is counted where it happens, and gauges that are read from the database when scraped."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q
from django.db.models.expressions import Combinable

from billing.attention import first_deadlines, waiting_for_a_person
from billing.models import AccountState, Breaker, Dispute, Payment
from config.database.counts import COUNTED_AT_MOST, capped, first, in_one_round_trip
from config.due import lag
from config.due.queue import database_now
from config.metrics.registry import DATABASE, WAIT_BUCKETS, Value, counter, histogram, reader, reading

PAYMENTS_TOTAL = counter(
    "tillkeeper_payments_total",
    "Payments by the state they reached, and by what asked for the check that found it.",
    *("account", "status", "found_by"),
)
SETTLE_SECONDS = histogram(
    "tillkeeper_payment_settle_seconds",
    "From the start of a payment to its known outcome.",
    *("status", "found_by"),
    buckets=WAIT_BUCKETS,
)
REFUNDS_TOTAL = counter("tillkeeper_refunds_total", "Refunds by the state they reached.", "account", "status")
DISPUTES_TOTAL = counter("tillkeeper_disputes_total", "Disputes by the state they reached.", "account", "status")
CALLBACKS_TOTAL = counter(
    "tillkeeper_callbacks_total",
    "Callbacks received or repeated, and how they were processed, by outcome; not_stored: beyond what strangers may "
    "leave.",
    *("account", "result"),
)
CALLBACKS_LOST_TOTAL = counter(
    "tillkeeper_callbacks_lost_total", "Payments whose success polling found before any callback came.", "account"
)
CHECK_LATENESS_SECONDS = histogram(
    "tillkeeper_check_lateness_seconds", "How much later than promised a scheduled check began.", "track"
)
REQUEST_SECONDS = histogram(
    "tillkeeper_provider_request_seconds",
    "Requests to a provider by outcome: answered, or the name of an error.",
    *("account", "operation", "outcome"),
)

PROMISE = reading(
    "tillkeeper_check_interval_promised_seconds", "The interval between two checks, by the settings.", "track"
)
OPEN_GAUGE = reading(
    "tillkeeper_open_payments",
    f"Payments whose outcome is not known; {COUNTED_AT_MOST} means as many or more.",
    *("account", "track"),
)
OLDEST_OPEN_GAUGE = reading(
    "tillkeeper_oldest_open_payment_seconds", "Age of the oldest open payment; 0 if none.", "account"
)
ATTENTION_GAUGE = reading("tillkeeper_attention_rows", "Rows that need an operator, by kind.", "kind")
BREAKER_GAUGE = reading(
    "tillkeeper_breaker_state", "1 for the state of the account's breaker, else 0.", "account", "state"
)
ERRORS_GAUGE = reading("tillkeeper_account_errors", "Calls in a row without an answer.", "account")
REFUSALS_GAUGE = reading(
    "tillkeeper_creations_refused", "Payments in a row that the provider refused to create.", "account"
)
OPEN_DISPUTES_GAUGE = reading(
    "tillkeeper_open_disputes", "Disputes that are not decided, by state.", "account", "status"
)
DEADLINE_GAUGE = reading(
    "tillkeeper_dispute_deadline_seconds",
    "Time until the first dispute must be answered, negative after it; absent if none waits for an answer.",
    "account",
)
PAUSED_GAUGE = reading(
    "tillkeeper_account_paused_seconds", "How long the account is still paused; 0 if not.", "account"
)
SLOTS_TAKEN_GAUGE = reading(
    "tillkeeper_account_slots_taken_seconds", "How far ahead the rate limit's slots are taken; 0 if none is.", "account"
)


def accounts() -> list[str]:
    """The accounts of the settings, and those that were ever called: they may still have open payments."""
    return sorted({*settings.PAYMENT_ACCOUNTS, *AccountState.objects.values_list("account", flat=True)})


lag.PARTS[Payment] = lambda: [Q(account=account) for account in accounts()]


@dataclass(frozen=True)
class OpenPayments:
    """An account's payments whose outcome is not known, by track, each counted up to COUNTED_AT_MOST."""

    account: str
    fast: int
    """Younger than FAST_TRACK_LIMIT_S: a customer probably waits in front of a page."""

    slow: int
    oldest_at: datetime | None


def open_by_account(now: datetime) -> list[OpenPayments]:
    """Of every account, along the index of their ages; one question to the database."""
    names = accounts()
    young = Q(created_at__gt=now - timedelta(seconds=settings.FAST_TRACK_LIMIT_S))
    found = iter(in_one_round_trip(*(question for account in names for question in _of_account(account, young))))
    return [OpenPayments(account, next(found), next(found), next(found)) for account in names]


@reader(DATABASE)
def open_payments() -> Iterator[Value]:
    now = database_now()
    for found in open_by_account(now):
        yield OPEN_GAUGE, (found.account, "fast"), found.fast
        yield OPEN_GAUGE, (found.account, "slow"), found.slow
        age_s = (now - found.oldest_at).total_seconds() if found.oldest_at else 0.0
        yield OLDEST_OPEN_GAUGE, (found.account,), age_s
    yield PROMISE, ("fast",), settings.FAST_TRACK_INTERVAL_S
    yield PROMISE, ("slow",), settings.SLOW_TRACK_INTERVAL_S


@reader(DATABASE)
def attention() -> Iterator[Value]:
    """Of every kind, those of the shop too."""
    yield from ((ATTENTION_GAUGE, (waiting.noun,), waiting.rows) for waiting in waiting_for_a_person())


@reader(DATABASE)
def disputes() -> Iterator[Value]:
    """The undecided ones, which are few, and the first deadline of those that nobody has answered."""
    now, undecided = database_now(), Dispute.objects.filter(ended_at=None)
    numbers = undecided.values_list("account", "status").annotate(rows=Count("pk")).order_by()
    yield from ((OPEN_DISPUTES_GAUGE, (account, status), rows) for account, status, rows in numbers)
    for account, due_at in first_deadlines().items():
        yield DEADLINE_GAUGE, (account,), (due_at - now).total_seconds()


@reader(DATABASE)
def account_states() -> Iterator[Value]:
    """Breaker, pause and limit of each account that was ever called."""
    now = database_now()
    for state in AccountState.objects.all():
        for breaker in Breaker:
            yield BREAKER_GAUGE, (state.account, breaker.value), float(state.breaker == breaker)
        yield ERRORS_GAUGE, (state.account,), state.errors
        yield REFUSALS_GAUGE, (state.account,), state.creations_refused
        yield PAUSED_GAUGE, (state.account,), _left_s(state.paused_until, now)
        yield SLOTS_TAKEN_GAUGE, (state.account,), _left_s(state.next_slot_at, now)


def _of_account(account: str, young: Q) -> list[Combinable]:
    """Queries for an account's open payments: how many are young, how many are not, when the oldest began."""
    waiting = Payment.objects.filter(account=account, next_check_at__isnull=False).order_by("created_at")
    fast, slow = waiting.filter(young), waiting.exclude(young)
    return [capped(fast, "created_at"), capped(slow, "created_at"), first(waiting, "created_at")]


def _left_s(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (moment - now).total_seconds()) if moment else 0.0
