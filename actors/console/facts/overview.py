"""Is anybody waiting? On what? Since when? The page for whoever was just woken up."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actors.console.facts.jobs import Slot, slots
from actors.console.facts.mail import given_up
from actors.console.facts.providers import Account, providers
from actors.console.facts.queues import known_queues, resting
from actors.console.facts.schedule import schedule
from actors.console.facts.work import Backlog, work
from actors.console.facts.workers import Workers, workers
from actors.operations import pauses
from billing import gauges
from billing.models import Attention, Payment, Refund
from commerce.models import Order
from config.database.counts import Some, count_some
from config.due.queue import database_now

LATEST_ACTS = 8

NEWS = timedelta(days=1)
"""A worker that was lost is told of for so long; its page remembers it for longer."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, where to look, and what helps."""

    text: str
    address: str
    since: datetime | None = None
    is_urgent: bool = True
    """Customers wait, or money does. Otherwise it is for office hours."""

    act: str = ""
    key: str = ""


@dataclass(frozen=True)
class Done:
    """What somebody of the staff did, here or elsewhere in the admin."""

    at: datetime
    by: str
    what: str
    about: str


@dataclass(frozen=True)
class Overview:
    """The first page."""

    findings: list[Finding]
    """What is urgent comes first, and what has waited longest."""

    waiting: Some
    """Payments whose outcome is not known."""

    lag_s: float
    backlogs: list[Backlog]
    slots: list[Slot]
    workers: int
    """Processes that give a sign of life."""

    threads: int
    busy: int
    latest: list[Done]

    @property
    def is_calm(self) -> bool:
        return not self.findings

    @property
    def is_urgent(self) -> bool:
        return any(finding.is_urgent for finding in self.findings)


def overview() -> Overview:
    """Everything in one look."""
    now, found, processes = database_now(), work(), workers()
    findings = [
        *_late(found.backlogs, now),
        *_shut(),
        *_missed(),
        *_without_workers(processes, now),
        *_resting(),
        *_of_queues(),
        *_for_a_person(),
        *_lost_mails(),
    ]
    return Overview(
        findings=sorted(findings, key=lambda one: (not one.is_urgent, one.since or now)),
        waiting=_open_payments(),
        lag_s=found.longest_s,
        backlogs=found.backlogs,
        slots=slots(now),
        workers=len(processes.living),
        threads=processes.threads,
        busy=processes.busy,
        latest=_latest_acts(),
    )


def _late(backlogs: list[Backlog], now: datetime) -> Iterator[Finding]:
    for backlog in backlogs:
        if backlog.is_late:
            text = _("%(kind)s: %(due)s due, and nobody has looked.")
            yield Finding(
                text % {"due": backlog.due, "kind": backlog.label},
                reverse("console:kind", args=[backlog.name]),
                now - timedelta(seconds=backlog.lag_s),
                act="look-now",
                key=backlog.name,
            )


def _shut() -> Iterator[Finding]:
    """Providers that are not asked."""
    for account in providers().accounts:
        if not account.passes:
            address = reverse("console:providers")
            yield Finding(_why_shut(account), address, account.since, act="close-breaker", key=account.name)


def _why_shut(account: Account) -> str:
    told = {"account": account.name, "by": account.changed_by, "why": account.why, "error": account.last_error}
    if account.is_held:
        return _("Nothing is asked of %(account)s: %(by)s opened its breaker by hand (%(why)s).") % told
    if account.paused_until:
        return _("%(account)s asked to be left alone for a while.") % told
    return _("The breaker of %(account)s is open, so only a probe passes now and then (%(error)s).") % told


def _missed() -> Iterator[Finding]:
    missed = [entry for entry in schedule().entries if entry.missed_at]
    if missed:
        names, more = ", ".join(entry.actor for entry in missed[:3]), "…" if len(missed) > 3 else ""
        text = _("Nobody fires the schedule: is a scheduler running? Missed: %(names)s") % {"names": names + more}
        yield Finding(text, reverse("console:schedule"), min(entry.missed_at for entry in missed if entry.missed_at))


def _without_workers(processes: Workers, now: datetime) -> Iterator[Finding]:
    address = reverse("console:workers")
    if not processes.living:
        last = max((worker.seen_at for worker in processes.workers), default=None)
        yield Finding(_("No worker gives a sign of life."), address, last)
    for worker in (lost for lost in processes.lost if lost.seen_at > now - NEWS):
        told = {"worker": worker.name, "actors": ", ".join(sorted({job.actor for job in worker.busy}))}
        text = _("%(worker)s ended without a word, busy with %(actors)s; its rows come due again by themselves.") % told
        yield Finding(text, address, worker.seen_at, is_urgent=False)


def _resting() -> Iterator[Finding]:
    """What somebody has paused, so that nobody forgets it. If customers wait because of it, the lag says so."""
    for kind, page, act in (
        (pauses.QUEUE, "console:queues", "resume-queue"),
        (pauses.SCHEDULE, "console:schedule", "resume-entry"),
    ):
        for name, rest in resting(kind).items():
            told = {"name": name, "by": rest.paused_by, "why": rest.why}
            text = _("%(name)s is paused by %(by)s: %(why)s") % told
            yield Finding(text, reverse(page), rest.paused_at, is_urgent=False, act=act, key=name)


def _of_queues() -> Iterator[Finding]:
    """A broker that is silent costs time, and no work: the sweeps of the embedded parts, or of other hosts, go on."""
    address, known, rests = reverse("console:queues"), known_queues(), resting(pauses.QUEUE)
    if known.problem:
        yield Finding(known.problem, address)
    for queue in known.value or ():
        if not queue.consumers and queue.name not in rests and not known.problem:
            yield Finding(_("Nobody takes messages from the queue %(queue)s.") % {"queue": queue.name}, address)
        if queue.dead:
            text = ngettext("%(dead)s dead letter in %(queue)s", "%(dead)s dead letters in %(queue)s", queue.dead)
            yield Finding(text % {"dead": queue.dead, "queue": queue.name}, address, is_urgent=False)


def _for_a_person() -> Iterator[Finding]:
    """What goes on only if a person looks at it."""
    waiting = count_some(Payment.objects.exclude(attention=Attention.NONE))
    if waiting:
        oldest = Payment.objects.exclude(attention=Attention.NONE).order_by("pk").values_list("created_at", flat=True)
        text = ngettext("%(some)s payment waits for a person.", "%(some)s payments wait for a person.", waiting.rows)
        yield Finding(text % {"some": waiting}, reverse("console:payments"), oldest.first())
    refunds = count_some(Refund.objects.exclude(attention=Attention.NONE))
    if refunds:
        text = ngettext("%(some)s refund waits for a person.", "%(some)s refunds wait for a person.", refunds.rows)
        yield Finding(text % {"some": refunds}, reverse("admin:billing_refund_changelist") + "?person=yes")
    orders = count_some(Order.objects.exclude(attention_note=""))
    if orders:
        text = ngettext("%(some)s order waits for a person.", "%(some)s orders wait for a person.", orders.rows)
        yield Finding(text % {"some": orders}, reverse("admin:commerce_order_changelist") + "?person=yes")


def _lost_mails() -> Iterator[Finding]:
    lost = count_some(given_up())
    if lost:
        text = ngettext("%(some)s mail was given up.", "%(some)s mails were given up.", lost.rows) % {"some": lost}
        yield Finding(text, reverse("console:mail"), is_urgent=False)


def _open_payments() -> Some:
    is_open = Payment.objects.filter(next_check_at__isnull=False)
    return sum((count_some(is_open.filter(account=account)) for account in gauges.accounts()), Some(0))


def _latest_acts() -> list[Done]:
    entries = LogEntry.objects.select_related("user").order_by("-pk")[:LATEST_ACTS]
    return [
        Done(entry.action_time, entry.user.get_username(), entry.get_change_message(), entry.object_repr)
        for entry in entries
    ]
