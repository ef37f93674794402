"""Payments: how many are open on which track, and which of them somebody should look at."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet

from actors.console.facts.lately import SPAN, spread
from billing import gauges
from billing.admin.payments import PaymentAdmin
from billing.models import AskedBy, Attention, Payment, PaymentEvent, Refund
from billing.payments.check import CHECK_QUEUE
from billing.states import END_STATES, Status
from config.database.counts import Some, count_some
from config.due.queue import database_now

ROWS = 50

EVENTS = 2_500
"""So many of the latest events the charts are drawn from."""


@dataclass(frozen=True)
class Track:
    """An account's open payments. Each of them is on one of the two tracks."""

    account: str
    fast: Some
    """Younger than FAST_TRACK_LIMIT_S: a customer waits in front of a page."""

    slow: Some
    due: Some
    lag_s: float


@dataclass(frozen=True)
class Row:
    """One payment in a list."""

    pk: int
    reference: str
    amount: str
    account: str
    status: str
    attention: str
    note: str
    created_at: datetime
    next_check_at: datetime | None
    errors: int
    is_open: bool


@dataclass(frozen=True)
class Slot:
    """What came of payments in one slot of the time that is charted."""

    begins_at: datetime
    succeeded: int
    ended_unpaid: int


@dataclass(frozen=True)
class Chosen:
    """Which payments to list. Empty: those that need a person."""

    which: str = "attention"
    account: str = ""
    word: str = ""
    before: int | None = None


@dataclass(frozen=True)
class Payments:
    """The page of payments."""

    tracks: list[Track]
    attention: Some
    refunds_attention: Some
    slots: list[Slot]
    found_by: dict[str, int]
    """Who found the outcomes of the last hour. Many by the schedule mean that callbacks do not arrive."""

    chosen: Chosen
    accounts: list[str]
    rows: list[Row]
    more_before: int | None
    """There are more: those with numbers below this one."""


def payments(chosen: Chosen) -> Payments:
    """The numbers, and the list that was asked for."""
    now = database_now(CHECK_QUEUE.database)
    rows = _chosen_rows(chosen, now)
    slots, found_by = _lately(now)
    return Payments(
        tracks=[_track(account, now) for account in gauges.accounts()],
        attention=count_some(Payment.objects.exclude(attention=Attention.NONE)),
        refunds_attention=count_some(Refund.objects.exclude(attention=Attention.NONE)),
        slots=slots,
        found_by=found_by,
        chosen=chosen,
        accounts=gauges.accounts(),
        rows=[_row(payment) for payment in rows[:ROWS]],
        more_before=rows[ROWS - 1].pk if len(rows) > ROWS else None,
    )


def _track(account: str, now: datetime) -> Track:
    is_open = Payment.objects.filter(account=account, next_check_at__isnull=False)
    young = now - timedelta(seconds=settings.FAST_TRACK_LIMIT_S)
    due = CHECK_QUEUE.due(now).filter(account=account)
    oldest = due.values_list("next_check_at", flat=True).first()
    return Track(
        account=account,
        fast=count_some(is_open.filter(created_at__gt=young)),
        slow=count_some(is_open.filter(created_at__lte=young)),
        due=count_some(due),
        lag_s=(now - oldest).total_seconds() if oldest else 0.0,
    )


# --- the list --------------------------------------------------------------------------------------------------------


def _chosen_rows(chosen: Chosen, now: datetime) -> list[Payment]:
    """Each list has an index that it is read from. A word goes before everything else."""
    older = Payment.objects.order_by("-pk")
    if chosen.before is not None:
        older = older.filter(pk__lt=chosen.before)
    if chosen.word:
        return list(older.filter(PaymentAdmin(Payment, admin.site).named(chosen.word))[: ROWS + 1])
    if chosen.which == "due":
        return _of_accounts(chosen, CHECK_QUEUE.due(now), "next_check_at")
    if chosen.which == "open":
        return _of_accounts(chosen, Payment.objects.filter(next_check_at__isnull=False), "created_at")
    if chosen.account:
        older = older.filter(account=chosen.account)
    if chosen.which == "attention":
        older = older.exclude(attention=Attention.NONE)
    return list(older[: ROWS + 1])


def _of_accounts(chosen: Chosen, rows: "QuerySet[Payment]", column: str) -> list[Payment]:
    """The first by a column. Their index begins with the account, so each account is asked on its own."""
    accounts = [chosen.account] if chosen.account else gauges.accounts()
    firsts = [list(rows.filter(account=account).order_by(column)[:ROWS]) for account in accounts]
    return sorted((row for first in firsts for row in first), key=attrgetter(column))[:ROWS]


def _row(payment: Payment) -> Row:
    return Row(
        pk=payment.pk,
        reference=payment.reference,
        amount=str(payment.amount),
        account=payment.account,
        status=payment.get_status_display(),
        attention=payment.get_attention_display() if payment.attention else "",
        note=payment.attention_note,
        created_at=payment.created_at,
        next_check_at=payment.next_check_at,
        errors=payment.errors,
        is_open=payment.is_open,
    )


# --- what came of them ------------------------------------------------------------------------------------------------


def _lately(now: datetime) -> tuple[list[Slot], dict[str, int]]:
    """From the latest events, read along the primary key."""
    told = PaymentEvent.objects.filter(refund=None).order_by("-pk").values_list("at", "target", "found_by")[:EVENTS]
    ended = [(at, target, by) for at, target, by in told if target in END_STATES and at > now - SPAN]
    slots = spread([(at, target) for at, target, _by in ended], now, EVENTS)
    found_by = Counter(by for _at, _target, by in ended)
    names = dict(AskedBy.choices)
    return [_slot(*slot) for slot in slots], {str(names.get(by, by)): n for by, n in found_by.most_common()}


def _slot(begins_at: datetime, targets: "Counter[str]") -> Slot:
    succeeded = targets[Status.SUCCEEDED]
    return Slot(begins_at, succeeded, targets.total() - succeeded)
