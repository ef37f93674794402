"""Payments: how many are open on each track, a list of the chosen ones, and the reason for the state of one."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Model

from actors.operations.queries.paging import Listing, Shown
from actors.operations.queries.payment_search import WHICH, Chosen, listing
from actors.operations.queries.timeseries import HOUR, Slot, spread
from actors.project import project
from billing import metrics
from billing.actions import OF_PAYMENTS
from billing.attention import waiting_for_a_person
from billing.explain.standing import standing
from billing.explain.timeline import Entry
from billing.models import AskedBy, Payment, PaymentEvent
from billing.payments.check import CHECK_QUEUE
from billing.states import END_STATES, Status
from config.actions.admin import Offer, offers
from config.due import lag
from config.due.queue import database_now

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
    lists: dict[str, str]
    statuses: dict[str, str]
    """The choices of the filters, and their labels."""

    problem: str
    """A sentence about a filter that is not valid; nothing is listed then."""

    rows: list[Payment]
    shown: Shown
    is_cut_off: bool
    """A filter without an index was tried only on the first COUNTED_AT_MOST payments that meet the others, or a word on
    the newest orders."""


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
    tracks, problem, found = open_by_track(now), "", Listing[Payment]([])
    try:
        found = listing(chosen, now)
    except ValueError as invalid:
        problem = str(invalid)
    rows, shown = found.page(chosen.page)
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
        lists={name: str(title) for name, title in WHICH.items()},
        statuses={value: str(label) for value, label in Status.choices},
        problem=problem,
        rows=rows,
        shown=shown,
        is_cut_off=found.is_cut_off,
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


# --- outcomes --------------------------------------------------------------------------------------------------------


def _outcomes(now: datetime) -> tuple[list[Slot], dict[str, int]]:
    """From the latest events, read along the primary key."""
    told = PaymentEvent.objects.filter(refund=None).order_by("-pk").values_list("at", "target", "found_by")[:EVENTS]
    ended = [(at, target, by) for at, target, by in told if target in END_STATES and at > now - HOUR.span]
    named = [(at, "succeeded" if target == Status.SUCCEEDED else "ended_unpaid") for at, target, _by in ended]
    found_by = Counter(by for _at, _target, by in ended)
    names = dict(AskedBy.choices)
    return spread(named, now, EVENTS), {str(names.get(by, by)): n for by, n in found_by.most_common()}
