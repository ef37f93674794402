"""Every page of the console: its query, and its permissions."""

from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from actors.console.overview import overview
from actors.console.page import Page
from actors.operations.queries import jobs, payments, providers, queues, schedule, work, workers
from actors.project import project
from billing.lookup import number_in

TICKS = 30
"""Last ticks that the page of the schedule draws for each entry."""

MAX_CHARS = 200
"""Characters of a text in the URL that are read."""

WORKERS = 100
"""Processes that the page of workers shows."""


def _payments(query: QueryDict) -> Any:
    which, account = _word(query, "which") or "attention", _word(query, "account")
    return payments.payments(payments.Chosen(which, account, _word(query, "q"), _before(query)))


def _word(query: QueryDict, name: str) -> str:
    """The text, without characters that no database takes; empty if missing."""
    return query.get(name, "").replace("\0", "").strip()[:MAX_CHARS]


def _before(query: QueryDict) -> int | None:
    """The id of the last row of the page before."""
    return number_in(query.get("before", ""))


PAGES = (
    Page("overview", _("Overview"), "", lambda query: overview()),
    Page("work", _("Work"), "work/", lambda query: {"backlogs": work.backlogs()}),
    Page("kind", _("Work"), "work/<slug:name>/", lambda query, name: work.kind_of_work(name), tab="work"),
    Page(
        "payments", _("Payments"), "payments/", _payments, ("billing.view_payment",), top="console/tops/payments.html"
    ),
    Page(
        "payment", _("Payment"), "payments/<int:pk>/", lambda query, pk: payments.one_payment(pk),
        ("billing.view_payment",), tab="payments",
    ),
    Page(
        "jobs", _("Jobs"), "jobs/", lambda query: jobs.jobs(_word(query, "q"), _before(query)),
        top="console/tops/jobs.html",
    ),
    Page("job", _("Job"), "jobs/<int:pk>/", lambda query, pk: jobs.one_job(pk), tab="jobs"),
    Page("queues", _("Queues"), "queues/", lambda query: queues.queues()),
    Page("workers", _("Workers"), "workers/", lambda query: workers.workers(WORKERS)),
    Page("schedule", _("Schedule"), "schedule/", lambda query: {"entries": schedule.schedule(TICKS)}),
    Page(
        "providers", _("Providers"), "providers/", lambda query: {"accounts": providers.accounts()},
        ("billing.view_accountstate",),
    ),
    *project().pages,
)  # fmt: skip
