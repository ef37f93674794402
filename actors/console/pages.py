"""Every page of the console: what it shows, and who may see it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from actors.console.overview import overview
from actors.console.query_params import number, word
from actors.kinds import kind_named
from actors.operations.queries import jobs, mail, payment, payments, providers, queues, schedule, work, workers

Facts = Callable[..., Any]
"""Of the address's query, and what the path names; None: there is no such page."""

TICKS = 30
"""The page of the schedule draws so many of the last ticks of an entry."""

WORKERS = 100
"""The page of workers shows so many processes."""


@dataclass(frozen=True)
class Page:
    """One page. Its part that is refreshed is the template `console/parts/<name>.html`."""

    name: str
    title: Promise
    path: str
    facts: Facts
    needs: tuple[str, ...] = ()
    """Besides the permission to read the console."""

    tab: str = ""
    """The page it belongs to; empty: it has a tab of its own."""

    has_top: bool = False
    """Is there something above that is not refreshed, like a form in which somebody types?"""

    @property
    def part(self) -> str:
        return f"console/parts/{self.name}.html"

    @property
    def top(self) -> str:
        return f"console/tops/{self.name}.html"

    @property
    def under(self) -> str:
        """The name of the tab that is marked."""
        return self.tab or self.name


def _kind(query: QueryDict, name: str) -> Any:
    kind = kind_named(name)
    return kind and work.kind_of_work(kind)


def _schedule(query: QueryDict) -> Any:
    return {"entries": schedule.schedule(TICKS)}


def _payments(query: QueryDict) -> Any:
    which, account = word(query, "which") or "attention", word(query, "account")
    return payments.payments(payments.Chosen(which, account, word(query, "q"), number(query, "before")))


PAGES = (
    Page("overview", _("Overview"), "", lambda query: overview()),
    Page("work", _("Work"), "work/", lambda query: work.work()),
    Page("kind", _("Work"), "work/<slug:name>/", _kind, tab="work"),
    Page("payments", _("Payments"), "payments/", _payments, ("billing.view_payment",), has_top=True),
    Page(
        "payment", _("Payment"), "payments/<int:pk>/", lambda query, pk: payment.one_payment(pk),
        ("billing.view_payment",), tab="payments",
    ),
    Page("jobs", _("Jobs"), "jobs/", lambda query: jobs.jobs(word(query, "q"), number(query, "before")), has_top=True),
    Page("job", _("Job"), "jobs/<int:pk>/", lambda query, pk: jobs.one_job(pk), tab="jobs"),
    Page("queues", _("Queues"), "queues/", lambda query: queues.queues()),
    Page("workers", _("Workers"), "workers/", lambda query: workers.workers(WORKERS)),
    Page("schedule", _("Schedule"), "schedule/", _schedule),
    Page(
        "providers", _("Providers"), "providers/", lambda query: providers.providers(), ("billing.view_accountstate",)
    ),
    Page("mail", _("Mail"), "mail/", lambda query: mail.mail(), ("commerce.view_notification",)),
)  # fmt: skip
