"""Payments: how many are open on each track, a list of the chosen ones, and the reason for the state of one."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from django.db.models import Model, QuerySet

from actors.operations.queries.timeseries import SPAN, Slot, spread
from actors.project import project
from billing import metrics
from billing.actions import OF_PAYMENTS
from billing.attention import ATTENTIVE, waiting_for_a_person
from billing.explain.standing import standing
from billing.explain.timeline import Entry
from billing.lookup import payments_named
from billing.models import AskedBy, Payment, PaymentEvent
from billing.payments.check import CHECK_QUEUE
from billing.states import END_STATES, Status
from config.actions.admin import Offer, offers
from config.due import lag
from config.due.queue import database_now

ROWS = 50

EVENTS = 2_500
"""The charts show this many of the latest events."""


@dataclass(frozen=True)
class Track:
    """The open payments of an account. Each payment is on one of the two tracks."""

    account: str
    fast: int
    slow: int
    due: int
    lag_s: float


@dataclass(frozen=True)
class Chosen:
    """Which payments to list; by default those that wait for a person."""

    which: str = "attention"
    account: str = ""
    word: str = ""
    before: int | None = None


@dataclass(frozen=True)
class Payments:
    tracks: list[Track]
    attention: int
    refunds_attention: int
    slots: list[Slot]
    """Payments that ended, by `succeeded` and `ended_unpaid`."""

    found_by: dict[str, int]
    """How the outcomes of the last hour were found. Many by the schedule mean that callbacks do not arrive."""

    chosen: Chosen
    accounts: list[str]
    rows: list[Payment]
    more_before: int | None
    """There are more: those with ids below this one."""


@dataclass(frozen=True)
class OnePayment:
    payment: Payment
    standing: list[str]
    """The reason for its state (`billing.explain.standing`)."""

    timeline: list[Entry]
    resolutions: list[Offer]
    order: Model | None
    """What it is for; None if its reference is not an order."""


def payments(chosen: Chosen) -> Payments:
    """The counts, and the chosen list."""
    now = database_now(CHECK_QUEUE.database)
    rows, tracks = _chosen_rows(chosen, now), open_by_track(now)
    slots, found_by = _outcomes(now)
    waiting = {each.noun: each.rows for each in waiting_for_a_person()}
    return Payments(
        tracks=tracks,
        attention=waiting["payment"],
        refunds_attention=waiting["refund"],
        slots=slots,
        found_by=found_by,
        chosen=chosen,
        accounts=[track.account for track in tracks],
        rows=rows[:ROWS],
        more_before=rows[ROWS - 1].pk if len(rows) > ROWS else None,
    )


def one_payment(pk: int) -> OnePayment | None:
    payment = Payment.objects.filter(pk=pk).first()
    if payment is None:
        return None
    order, timeline = project().story(payment)
    return OnePayment(
        payment=payment,
        standing=standing(payment, database_now(CHECK_QUEUE.database)),
        timeline=timeline,
        resolutions=offers(OF_PAYMENTS, payment),
        order=order,
    )


def open_by_track(now: datetime) -> list[Track]:
    """The open payments of every account: by track, and how many of them are due."""
    of_accounts = metrics.open_by_account(now)
    due = lag.backlogs([(CHECK_QUEUE, part) for part in lag.parts(CHECK_QUEUE)], CHECK_QUEUE.database)
    return [
        Track(each.account, each.fast, each.slow, backlog.due, backlog.lag_s)
        for each, backlog in zip(of_accounts, due, strict=True)
    ]


# --- the list --------------------------------------------------------------------------------------------------------


def _chosen_rows(chosen: Chosen, now: datetime) -> list[Payment]:
    """Each list has its own index. A search word overrides the other choices."""
    older = Payment.objects.order_by("-pk")
    if chosen.before is not None:
        older = older.filter(pk__lt=chosen.before)
    if chosen.word:
        return list(older.filter(payments_named(chosen.word))[: ROWS + 1])
    if chosen.which == "due":
        return _of_accounts(chosen, CHECK_QUEUE.due(now), "next_check_at")
    if chosen.which == "open":
        return _of_accounts(chosen, Payment.objects.filter(next_check_at__isnull=False), "created_at")
    if chosen.account:
        older = older.filter(account=chosen.account)
    if chosen.which == "attention":
        older = older.filter(ATTENTIVE["payment"].needs_a_person)
    return list(older[: ROWS + 1])


def _of_accounts(chosen: Chosen, rows: "QuerySet[Payment]", column: str) -> list[Payment]:
    """The first rows by a column. The index begins with the account, so each account is one query."""
    accounts = [chosen.account] if chosen.account else metrics.accounts()
    firsts = [list(rows.filter(account=account).order_by(column)[:ROWS]) for account in accounts]
    return sorted((row for first in firsts for row in first), key=attrgetter(column))[:ROWS]


# --- outcomes --------------------------------------------------------------------------------------------------------


def _outcomes(now: datetime) -> tuple[list[Slot], dict[str, int]]:
    """From the latest events, read along the primary key."""
    told = PaymentEvent.objects.filter(refund=None).order_by("-pk").values_list("at", "target", "found_by")[:EVENTS]
    ended = [(at, target, by) for at, target, by in told if target in END_STATES and at > now - SPAN]
    named = [(at, "succeeded" if target == Status.SUCCEEDED else "ended_unpaid") for at, target, _by in ended]
    found_by = Counter(by for _at, _target, by in ended)
    names = dict(AskedBy.choices)
    return spread(named, now, EVENTS), {str(names.get(by, by)): n for by, n in found_by.most_common()}
