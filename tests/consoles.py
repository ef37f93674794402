"""The console as its people use it, and rows for it to show."""

from datetime import timedelta
from io import StringIO
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from actors.console.pages import PAGES
from actors.models import Job, Tick, Worker
from actors.scheduling.table import table
from billing.models import Payment
from commerce.models import Notification, Order
from config.due.queue import database_now
from tests import backstage

HOSTILE = '<script>alert("x")</script>{{ 7|add:7 }}{% now "Y" %}\u202eevil' + "pneumono" * 38
MOST_QUERIES = 80
"""The overview asks everything; what matters is that no row costs a query."""

LEVELS = {"read": "Console: read", "act": "Console: act", "configure": "Console: configure"}


def job(**facts: Any) -> Job:
    """One that ended a moment ago."""
    now = timezone.now()
    usual: dict[str, Any] = {
        "message_id": "m-1", "actor": "check_payment", "queue": "urgent", "args": "[7]", "attempt": 1,
        "outcome": Job.Outcome.DONE, "began_at": now - timedelta(seconds=1), "ended_at": now, "waited_s": 0.1,
        "worker": "host:1:abc",
    }  # fmt: skip
    return Job.objects.create(**{**usual, **facts})


def worker(**facts: Any) -> Worker:
    """One that lives. Its heartbeats of the next hour are there already: a slow test must not lose it."""
    now = timezone.now()
    usual: dict[str, Any] = {
        "name": "host:1:abc", "host": "host", "pid": 1, "queues": ["urgent"], "threads": 8, "release": settings.RELEASE,
    }  # fmt: skip
    return Worker.objects.create(**{**usual, "started_at": now, "seen_at": now + timedelta(hours=1), **facts})


def fired_until(long_ago: timedelta) -> None:
    """Every entry of the schedule was fired on time, until then."""
    until = database_now() - long_ago
    ticks = [Tick(schedule=e.actor, due_at=e.period.latest(until), fired_by="x") for e in table()]
    Tick.objects.bulk_create(ticks, ignore_conflicts=True)


def given_up(order: Order) -> Notification:
    """A mail that nobody sends any more."""
    return backstage.mail(order, status="given_up", error="550 no such user")


def somebody(level: str | None) -> Client:
    """A member of the staff with this level of permission, through the group that the command makes; or none."""
    call_command("consoleroles", stdout=StringIO())
    user = User.objects.create_user(f"user-{level}", is_staff=True)
    if level:
        user.groups.add(Group.objects.get(name=LEVELS[level]))
    client = Client()
    client.force_login(user)
    return client


def addresses() -> dict[str, str]:
    """Every page, those of a row for a row that is there."""
    rows: dict[str, dict[str, Any]] = {
        "kind": {"name": "payment"},
        "payment": {"pk": Payment.objects.latest("pk").pk},
        "job": {"pk": Job.objects.latest("pk").pk},
    }
    return {page.name: reverse(f"console:{page.name}", kwargs=rows.get(page.name)) for page in PAGES}


def do(client: Client, act: str, *keys: str, why: str | None = "because") -> Any:
    """Press the button, and answer the question: yes, and a reason. `why=None`: only press it."""
    reason = {"why": why, "confirmed": "yes"} if why is not None else {}
    return client.post(reverse(f"console:{act}"), {"key": list(keys), **reason})
