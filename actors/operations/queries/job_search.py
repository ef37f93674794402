"""Search in the history of jobs: `check_payment outcome:failed since:2h error:timeout`.

A word without a qualifier is an actor, or a part of its name. The qualifiers say which index or limit makes a word
cheap: a search must not cost the database more than the page does. A word without an index searches only the first
COUNTED_AT_MOST jobs that match the other words.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dramatiq
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from actors.models import Job
from actors.operations.queries.paging import Listing
from actors.operations.queries.times import read_time
from config.database.counts import COUNTED_AT_MOST

COUNTED_OF_SEVERAL = 1_000
"""Jobs that meet several conditions are counted up to here: one index finds those of one condition."""

_WORD = re.compile(r'(?:(\w+):)?("[^"]*"|\S+)')


@dataclass(frozen=True)
class Search:
    """The conditions of a search. `problem`: a sentence about a word that is not valid; nothing is found then."""

    indexed: Q = field(default_factory=Q)
    scanned: Q = field(default_factory=Q)
    problem: str = ""


INDEXED: dict[str, Callable[[Any], Q]] = {
    "actor": lambda word: Q(actor=word),
    "outcome": lambda word: Q(outcome=word.lower()),
    "message": lambda word: Q(message_id=word),
    "since": lambda at: Q(ended_at__gte=at),
}

SCANS: dict[str, Callable[[str], Q]] = {
    "queue": lambda word: Q(queue=word),
    "worker": lambda word: Q(worker__startswith=word),
    "error": lambda word: Q(error__icontains=word),
    "args": lambda word: Q(args__contains=word),
}

QUALIFIERS = (*INDEXED, *SCANS)


def parse(typed: str, now: datetime) -> Search:
    """Parse a search; `since:2h` counts back from `now`."""
    indexed, scanned = Q(), Q()
    for qualifier, word in [(name.lower(), text.strip('"')) for name, text in _WORD.findall(typed)]:
        try:
            if qualifier in SCANS:
                scanned &= SCANS[qualifier](word)
            elif not qualifier and ":" not in word:
                actors = _actors_named(word)
                indexed &= Q(actor__in=actors) if actors else Q()
                scanned &= Q() if actors else Q(actor__icontains=word)
            else:
                indexed &= _indexed(qualifier, word, now)
        except ValueError as problem:
            return Search(problem=str(problem))
    return Search(indexed, scanned)


def listing(search: Search, sort: str) -> Listing[Job]:
    """The matching jobs, the latest end first, or with `sort="ended"` the earliest; without tracebacks."""
    parts = [] if search.problem else [Job.objects.filter(search.indexed)]
    most = COUNTED_AT_MOST if len(search.indexed) <= 1 else COUNTED_OF_SEVERAL
    found = Listing(parts, "ended_at", sort != "ended", most=most, without=("traceback",))
    return found.narrowed(search.scanned) if parts and search.scanned else found


def newest(*conditions: Q) -> "QuerySet[Job]":
    """The jobs that match all conditions, latest end first: in the order of their indexes."""
    return Job.objects.filter(*conditions).order_by("-ended_at", "-id")


def _indexed(qualifier: str, word: str, now: datetime) -> Q:
    if qualifier not in INDEXED:
        known = {"word": f"{qualifier}:{word}" if qualifier else word, "qualifiers": ": ".join(QUALIFIERS) + ":"}
        raise ValueError(
            _("“%(word)s” is not valid: write an actor's name, or begin with one of %(qualifiers)s") % known
        )
    if qualifier == "outcome" and word.lower() not in Job.Outcome.values:
        known = {"word": word, "outcomes": ", ".join(Job.Outcome.values)}
        raise ValueError(_("“%(word)s” is not an outcome: write one of %(outcomes)s.") % known)
    return INDEXED[qualifier](read_time(word, now) if qualifier == "since" else word)


def _actors_named(word: str) -> list[str]:
    return sorted(name for name in dramatiq.get_broker().actors if word.lower() in name)
