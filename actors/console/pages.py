"""Every page of the console: its query, and its permissions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from actors.console.overview import overview
from actors.operations.queries import jobs, mail, payments, providers, queues, runbook, schedule, work, workers
from billing.lookup import number_in

Facts = Callable[..., Any]
"""Arguments: the query of the URL, and the name in its path. Returns None if there is no such page."""

TICKS = 30
"""Last ticks that the page of the schedule draws for each entry."""

MAX_CHARS = 200
"""Characters of a text in the URL that are read."""

WORKERS = 100
"""Processes that the page of workers shows."""


@dataclass(frozen=True)
class Page:
    """One page. The template `console/parts/<name>.html` is its part that refreshes."""

    name: str
    title: Promise
    path: str
    facts: Facts
    needs: tuple[str, ...] = ()
    """Permissions besides the one to read the console."""

    tab: str = ""
    """The page that it belongs to; empty if it has its own tab."""

    top: str = ""
    """The template of a part above that does not refresh, like a search form."""

    @property
    def part(self) -> str:
        return f"console/parts/{self.name}.html"


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
    Page("mail", _("Mail"), "mail/", lambda query: mail.mail(), ("commerce.view_notification",)),
    Page("runbook", _("Runbook"), "runbook", lambda query: runbook.runbook(), tab="overview"),
)  # fmt: skip
