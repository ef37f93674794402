"""Search in the history of jobs: `actor:check_payment outcome:failed since:2h error:timeout`.

Every word has a qualifier, so that an index or a limit makes it cheap: a search must not cost the database more than
the page does. A word without an index searches only the SCANNED newest jobs that match the other words.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.timezone import get_current_timezone, is_naive, make_aware
from django.utils.translation import gettext as _

from actors.models import Job
from config.formats import parse_duration

SCANNED = 10_000

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
            else:
                indexed &= _indexed(qualifier, word, now)
        except ValueError as problem:
            return Search(problem=str(problem))
    return Search(indexed, scanned)


def matching(search: Search, before: Job | None, limit: int) -> list[Job]:
    """The newest matching jobs, up to `limit`, without tracebacks; only jobs older than `before`."""
    if search.problem:
        return []
    found = newest(search.indexed, _older_than(before) if before else Q())
    if search.scanned:
        found = newest(search.scanned, Q(pk__in=found.values("pk")[:SCANNED]))
    return list(found.defer("traceback")[:limit])


def newest(*conditions: Q) -> "QuerySet[Job]":
    """The jobs that match all conditions, latest end first: in the order of their indexes."""
    return Job.objects.filter(*conditions).order_by("-ended_at", "-id")


def _indexed(qualifier: str, word: str, now: datetime) -> Q:
    if qualifier not in INDEXED:
        known = {"word": f"{qualifier}:{word}" if qualifier else word, "qualifiers": ": ".join(QUALIFIERS) + ":"}
        raise ValueError(_("“%(word)s” is not valid: begin each word with one of %(qualifiers)s") % known)
    if qualifier == "outcome" and word.lower() not in Job.Outcome.values:
        known = {"word": word, "outcomes": ", ".join(Job.Outcome.values)}
        raise ValueError(_("“%(word)s” is not an outcome: write one of %(outcomes)s.") % known)
    return INDEXED[qualifier](_since(word, now) if qualifier == "since" else word)


def _since(word: str, now: datetime) -> datetime:
    """`90s`, `15m`, `2h`, `7d`, `2026-03-29`, or `2026-03-29T12:00`, in the shop's time zone."""
    try:
        with suppress(ValueError):
            return now - parse_duration(word)
        at = datetime.fromisoformat(word)
    except (ValueError, OverflowError):  # a day that does not exist, or lies before year 1
        raise ValueError(
            _("“%(word)s” is not a time: write 15m, 2h, 7d, or a day like 2026-03-29.") % {"word": word}
        ) from None
    return make_aware(at, get_current_timezone()) if is_naive(at) else at


def _older_than(job: Job) -> Q:
    """The first condition lets the database use the index."""
    earlier = Q(ended_at__lt=job.ended_at) | Q(ended_at=job.ended_at, pk__lt=job.pk)
    return Q(ended_at__lte=job.ended_at) & earlier
