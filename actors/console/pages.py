"""Every page of the console: its query, and its permissions."""

from dataclasses import replace
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from actors.console import sorting
from actors.console.overview import overview
from actors.console.page import Page
from actors.console.sorting import by_column
from actors.operations.queries import jobs, payments, providers, queues, runbook, schedule, work, workers
from actors.operations.queries.payment_search import WHICH, Chosen
from actors.project import project
from billing.lookup import number_in

TICKS = 30
"""Last ticks that the page of the schedule draws for each entry."""

MAX_CHARS = 200
"""Characters of a text in the URL that are read."""

WORKERS = 100
"""Processes that the page of workers shows."""


def _overview(query: QueryDict) -> Any:
    facts = overview()
    return replace(facts, backlogs=by_column(facts.backlogs, query, sorting.WORK))


def _queues(query: QueryDict) -> Any:
    facts = queues.queues()
    return replace(facts, queues=by_column(facts.queues, query, sorting.QUEUES))


def _workers(query: QueryDict) -> Any:
    return workers.Workers(by_column(workers.workers(WORKERS).workers, query, sorting.WORKERS))


def payments_chosen(query: QueryDict) -> Chosen:
    """The filters in the URL. Without any of them, the list shows the payments that wait for a person."""
    same = ("status", "account", "amount_from", "amount_to", "currency", "created_from", "created_to", "sort")
    chosen = Chosen("newest", word_in(query, "q"), **{name: word_in(query, name) for name in same}, page=_page(query))
    chosen = replace(chosen, currency=chosen.currency.upper())
    which = word_in(query, "which") or ("newest" if chosen.is_narrow else "attention")
    return replace(chosen, which=which if which in WHICH else "newest")


def _jobs(query: QueryDict) -> Any:
    return jobs.jobs(word_in(query, "q"), word_in(query, "sort"), word_in(query, "range"), _page(query))


def word_in(query: QueryDict, name: str) -> str:
    """The text, without characters that no database takes; empty if missing."""
    return query.get(name, "").replace("\0", "").strip()[:MAX_CHARS]


def _page(query: QueryDict) -> int:
    return number_in(query.get("page", "")) or 1


PAGES = (
    Page("overview", _("Overview"), "", _overview),
    Page("work", _("Work"), "work/", lambda query: {"backlogs": by_column(work.backlogs(), query, sorting.WORK)}),
    Page("kind", _("Work"), "work/<slug:name>/", lambda query, name: work.kind_of_work(name), tab="work"),
    Page(
        "payments", _("Payments"), "payments/", lambda query: payments.payments(payments_chosen(query)),
        ("billing.view_payment",), top="console/tops/payments.html",
    ),
    Page(
        "payment", _("Payment"), "payments/<int:pk>/", lambda query, pk: payments.one_payment(pk),
        ("billing.view_payment",), tab="payments",
    ),
    Page("jobs", _("Jobs"), "jobs/", _jobs, top="console/tops/jobs.html"),
    Page("job", _("Job"), "jobs/<int:pk>/", lambda query, pk: jobs.one_job(pk), tab="jobs"),
    Page("queues", _("Queues"), "queues/", _queues),
    Page("workers", _("Workers"), "workers/", _workers),
    Page(
        "schedule", _("Schedule"), "schedule/",
        lambda query: {"entries": by_column(schedule.schedule(TICKS), query, sorting.SCHEDULE)},
    ),
    Page(
        "providers", _("Providers"), "providers/",
        lambda query: {"accounts": by_column(providers.accounts(), query, sorting.PROVIDERS)},
        ("billing.view_accountstate",),
    ),
    *project().pages,
    Page("runbook", _("Runbook"), "runbook", lambda query: runbook.runbook(), tab="overview"),
)  # fmt: skip
