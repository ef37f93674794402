"""Actions on everything that a filter of the console finds, not only on the chosen rows of one page.

The page asks with the number that it showed. Done is what the filter finds at that moment, and no more than that
number; the history gets one record, with the filter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model
from django.http import QueryDict
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from actors.console.pages import payments_chosen, word_in
from actors.models import Job
from actors.operations.actions import ACT, named
from actors.operations.queries import job_search, payment_search
from actors.operations.queries.paging import Listing
from actors.runtime import history
from billing.actions import CHECK_PAYMENT
from billing.lookup import number_in
from billing.models import AskedBy, Payment
from billing.payments import service as payments
from config.actions import Action, ActionRefused, Question, RefusedForAll, Subject
from config.due.queue import database_now
from config.messaging.nudges import nudge

MOST_PAYMENTS, PAYMENTS_AT_ONCE = 5_000, 500
"""Payments of one action, and of one of its statements: a person waits for the page."""

MOST_JOBS = 500
"""Each one is a message of its own."""

KEY_CHARS = 2_000
"""A longer key is refused: without its end it would be another filter, which finds more."""

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Found(Generic[M]):
    """At most `number` rows of a listing, which is read when the action is done."""

    listing: Callable[[], Listing[M]]
    number: int
    question: str

    def keys(self) -> list[int]:
        return self.listing().keys(0, self.number)


def _parsed(key: str, most: int) -> tuple[int, QueryDict] | None:
    """A key like `312:which=open&status=pending`: the number that was shown, and the query of the page's URL."""
    shown, colon, query = key.partition(":")
    number = number_in(shown)
    return (min(number, most), QueryDict(query)) if number and colon and len(key) <= KEY_CHARS else None


def _found_payments(key: str) -> Subject | None:
    parsed = _parsed(key, MOST_PAYMENTS)
    if parsed is None:
        return None
    number, chosen = parsed[0], payments_chosen(parsed[1])
    try:
        payment_search.listing(chosen, database_now())
    except ValueError:
        return None
    words = " · ".join(filter(None, (chosen.word or str(payment_search.WHICH[chosen.which]), chosen.filters)))
    question = _("Check all %(number)s payments?") % {"number": number_format(number, force_grouping=True)}
    found = Found(lambda: payment_search.listing(chosen, database_now()), number, question)
    return named(key, _("payments: %(number)s (%(filter)s)") % {"number": number, "filter": words}, found)


def _check_payments(found: Found[Payment], by: str) -> int:
    keys = found.keys()
    batches = [keys[first : first + PAYMENTS_AT_ONCE] for first in range(0, len(keys), PAYMENTS_AT_ONCE)]
    done = sum(payments.check_many_now(batch, AskedBy.OPERATOR) for batch in batches)
    if not done:
        raise ActionRefused(_("Nothing was done: the filter finds no payments that their providers have."))
    nudge("check_pending_payments")
    return done


def _found_jobs(key: str) -> Subject | None:
    parsed = _parsed(key, MOST_JOBS)
    if parsed is None:
        return None
    number, typed = parsed[0], word_in(parsed[1], "q")
    search = job_search.parse(typed, database_now())
    if search.problem or not typed:
        return None
    question = _("Run all %(number)s jobs again?") % {"number": number_format(number, force_grouping=True)}
    found = Found(lambda: job_search.listing(search, word_in(parsed[1], "sort")), number, question)
    return named(key, _("jobs: %(number)s (%(filter)s)") % {"number": number, "filter": typed}, found)


def _run_jobs_again(found: Found[Job], by: str) -> int:
    """Those whose actor or arguments are gone are left out. A broker that falls silent ends it. Raises ActionRefused if
    none is run again."""
    done = 0
    refused: ActionRefused | None = None
    for job in found.listing().rows(found.keys()):
        try:
            history.run_again(job)
        except ActionRefused as refusal:
            refused = refusal
            if isinstance(refusal, RefusedForAll):
                break
        else:
            done += 1
    if refused and not done:
        raise refused
    return done


CHECK_PAYMENTS = Action(
    "check-payments", gettext_lazy("Check all found"),
    gettext_lazy("The provider is asked as soon as its limit allows. Checked are the payments that the filter finds at "
                 "this moment, not more than the number below, and 5,000 at most."),
    CHECK_PAYMENT.permissions, _found_payments, _check_payments,
    gettext_lazy("Payments the provider is asked about now"), form=Question, template="console/ask_all.html",
)  # fmt: skip
RERUN_JOBS = Action(
    "jobs-again", gettext_lazy("Run all found again"),
    gettext_lazy("The same actors with the same arguments, as new messages: the jobs that the search finds at this "
                 "moment, not more than the number below, and 500 at most."),
    (ACT,), _found_jobs, _run_jobs_again, gettext_lazy("Jobs that are run again"), form=Question,
    template="console/ask_all.html",
)  # fmt: skip

MOST = {CHECK_PAYMENTS.name: MOST_PAYMENTS, RERUN_JOBS.name: MOST_JOBS}
"""By the action: the rows that it takes at most."""
