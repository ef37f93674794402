"""Findings about workers, queues, the properties of the database connection, and wrong settings."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import dramatiq
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from actors import broker
from actors.operations.findings.finding import Finding, Snapshot, paused, some_of
from actors.operations.queries.workers import WorkerProcess
from config.hosts import host_of

MANY_MESSAGES = 1_000
"""Workers handle a nudge in milliseconds; more than this wait only if too few workers run."""

NO_RIGHTS = "ACCESS_REFUSED"
"""RabbitMQ's first word to a user without the rights."""

LOSS_SHOWN = timedelta(days=1)
"""A lost worker is a finding for this long, so that office hours see it; later only the history has it."""


LOSSY_SHOWN = timedelta(minutes=10)
"""A log that drops lines is a finding until it has dropped none for this long."""


def no_workers(seen: Snapshot) -> Iterator[Finding]:
    """No process sends a heartbeat."""
    if not seen.workers.living:
        yield Finding(
            _("workers"),
            _("no worker sends a heartbeat"),
            _("Start one; the runbook has the commands."),
            "workersgone",
            max((worker.row.seen_at for worker in seen.workers.workers), default=None),
            page="console:workers",
        )


def lost_workers(seen: Snapshot) -> Iterator[Finding]:
    """Processes that died during a job."""
    advice = _("Check its host's log for the reason (out of memory?). Its rows come due again by themselves.")
    for worker in seen.workers.workers:
        if worker.is_silent and worker.busy and worker.row.seen_at > seen.now - LOSS_SHOWN:
            actors = some_of({job.actor for job in worker.busy})
            problem = _("it died while it ran %(actors)s") % {"actors": actors}
            yield _of_worker(worker, problem, advice, "a-lost-worker", worker.row.seen_at)


def unrecorded_runs(seen: Snapshot) -> Iterator[Finding]:
    """Runs that the database did not take in time."""
    advice = _("The database was down, or too slow for the history: check its log for history.waits.")
    for worker in seen.workers.living:
        if n := worker.row.unrecorded:
            text = ngettext("%(n)s run is missing in the history", "%(n)s runs are missing in the history", n)
            yield _of_worker(worker, text % {"n": n}, advice, "runs-missing-in-the-history")


def lossy_logs(seen: Snapshot) -> Iterator[Finding]:
    """Processes whose log's reader hangs or has gone. They still work."""
    advice = _("Restart what reads its log (journald, supervisord, a pipe), or free the disk of LOG_FILE.")
    for lossy in seen.lossy_logs:
        if lossy.dropped_at > seen.now - LOSSY_SHOWN:
            problem = _("its log has dropped %(n)s lines since its start") % {"n": lossy.lines}
            yield Finding(lossy.process, problem, advice, "loglinesdropped", lossy.dropped_at)


def several_releases(seen: Snapshot) -> Iterator[Finding]:
    """A deployment that left old processes running."""
    releases = sorted({worker.row.release or pgettext("release", "none") for worker in seen.workers.living})
    if len(releases) > 1:
        problem = _("several releases run side by side: %(releases)s") % {"releases": ", ".join(releases)}
        advice = _("Restart the old ones.")
        yield Finding(_("workers"), problem, advice, "several-releases", page="console:workers")


def _of_worker(
    worker: WorkerProcess, problem: str, advice: str, runbook: str, since: datetime | None = None
) -> Finding:
    subject = _("worker %(name)s") % {"name": worker.row.name}
    return Finding(subject, problem, advice, runbook, since, page="console:workers")


# --- queues ----------------------------------------------------------------------------------------------------------


def silent_broker(seen: Snapshot) -> Iterator[Finding]:
    """A silent broker costs time, but no work is lost: sweeps find it."""
    if seen.queues.problem:
        advice = _("Start it, or correct BROKER_URL.")
        yield Finding(_("broker"), seen.queues.problem, advice, "brokerunreachable", page="console:queues")


def unattended_queues(seen: Snapshot) -> Iterator[Finding]:
    """From the broker; from the workers if it is silent or in another process, or the queue is missing."""
    known = () if seen.queues.problem or broker.in_this_process() else seen.queues.value or ()
    told = {queue.name: queue for queue in known if queue.name not in queue.missing}
    consumed = {queue for worker in seen.workers.living for queue in worker.row.queues}
    for name in broker.queue_names():
        lacks_worker = bool(seen.workers.living) and name not in consumed
        if name not in seen.paused_queues and (told[name].is_unattended if name in told else lacks_worker):
            needed_by = [a.actor_name for a in dramatiq.get_broker().actors.values() if a.queue_name == name]
            problem = _("no worker takes its messages: %(actors)s") % {"actors": some_of(needed_by)}
            yield _of_queue(name, problem, _("Start a worker that takes this queue."), "queueunattended")


def missing_queues(seen: Snapshot) -> Iterator[Finding]:
    """RabbitMQ drops what is sent to them, and the dead letters of a queue without its .XQ."""
    for queue in seen.queues.value or ():
        if queue.missing:
            problem = _("missing at the broker: %(names)s") % {"names": ", ".join(queue.missing)}
            advice = _("A worker that runs makes it within seconds. If none does, its log says why: queue.missing.")
            yield _of_queue(queue.name, problem, advice, "queuemissing")


def stuck_queues(seen: Snapshot) -> Iterator[Finding]:
    """Messages that have waited until they are of no use (`max_age`), though workers have been live for that time.

    Their wait is known from BROKER_METRICS_URL. Without it, only that no thread has become free for that time.
    """
    for queue in () if seen.queues.problem else seen.queues.value or ():
        limit = _longest_wait(queue.name)
        takers = [worker for worker in seen.workers.living if queue.name in worker.row.queues]
        if not queue.ready or queue.pause or not any(seen.now - worker.row.started_at > limit for worker in takers):
            continue
        jobs = [job for worker in takers for job in worker.busy]
        all_busy = len(jobs) >= sum(worker.row.threads for worker in takers)
        busy_since = max((job.since or seen.now for job in jobs), default=seen.now) if all_busy else seen.now
        since = busy_since if queue.oldest_s is None else seen.now - timedelta(seconds=queue.oldest_s)
        if seen.now - since > limit:
            yield _stuck(queue.name, {job.actor for job in jobs} if all_busy else set(), since)


def _stuck(name: str, actors: set[str], since: datetime) -> Finding:
    """`actors`: what keeps all threads busy; empty if some are idle."""
    if actors:
        problem = _("its messages wait, and all threads of its workers are busy: %(actors)s")
        return _of_queue(name, problem % {"actors": some_of(actors)}, _more_workers(), "queuestuck", since)
    problem = _("its messages wait, though its workers have idle threads")
    advice = _("Restart its workers. If that does not help, compare `rabbitmqctl list_consumers` with `jobs stats`.")
    return _of_queue(name, problem, advice, "queuestuck", since)


def _longest_wait(queue: str) -> timedelta:
    ages = [a.options.get("max_age", 0) for a in dramatiq.get_broker().actors.values() if a.queue_name == queue]
    return timedelta(milliseconds=max(ages, default=0))


def _more_workers() -> str:
    return _("Start more workers; `jobs active` shows what runs.")


def paused_queues(seen: Snapshot) -> Iterator[Finding]:
    """Queues that an operator has paused."""
    for name, pause in seen.paused_queues.items():
        yield paused(_("queue %(name)s") % {"name": name}, pause, "console:queues", "resume-queue")


def long_queues(seen: Snapshot) -> Iterator[Finding]:
    """Queues with MANY_MESSAGES messages or more."""
    for queue in seen.queues.value or ():
        if queue.ready >= MANY_MESSAGES:
            problem = _("%(n)s messages wait") % {"n": queue.ready}
            yield _of_queue(queue.name, problem, _more_workers(), "a-long-queue")


def dead_letters(seen: Snapshot) -> Iterator[Finding]:
    """One finding per queue."""
    for queue in seen.queues.value or ():
        if queue.dead:
            text = ngettext("%(n)s dead letter", "%(n)s dead letters", queue.dead) % {"n": queue.dead}
            advice = _("`jobs dead --queue %(name)s`, then `jobs retry` or `jobs dead --drop`.") % {"name": queue.name}
            yield _of_queue(queue.name, text, advice, "deadletters")


def other_arguments(seen: Snapshot) -> Iterator[Finding]:
    """Queues that workers of this release cannot declare."""
    for name, refusal in seen.refused_arguments.items():
        if refusal.startswith(NO_RIGHTS):
            continue
        problem = _("it exists with other arguments (%(refusal)s)") % {"refusal": refusal}
        advice = _("Let workers of the old release empty it, then delete it: the next start creates it again.")
        yield _of_queue(name, problem, advice, "a-queue-with-other-arguments")


def missing_rights(seen: Snapshot) -> Iterator[Finding]:
    """One finding for all queues: the broker's user has lost its rights. Deleting the queues would not help."""
    for refusal in [each for each in seen.refused_arguments.values() if each.startswith(NO_RIGHTS)][:1]:
        problem = _("its user may not declare our queues (%(refusal)s)") % {"refusal": refusal}
        advice = _("Import at RabbitMQ what `manage.py rabbitmqconf` prints.")
        yield Finding(_("broker"), problem, advice, "lost-rights-at-the-broker", page="console:queues")


def _of_queue(name: str, problem: str, advice: str, runbook: str, since: datetime | None = None) -> Finding:
    subject = _("queue %(name)s") % {"name": name}
    return Finding(subject, problem, advice, runbook, since, page="console:queues")


# --- settings --------------------------------------------------------------------------------------------------------


def database_differences(seen: Snapshot) -> Iterator[Finding]:
    """A database that answers, and does not do what our settings ask for."""
    for each in seen.database:
        yield Finding(each.subject, each.problem, each.advice, "databasediffers")


def wrong_settings(seen: Snapshot) -> Iterator[Finding]:
    """Values that let a process start, but do not suit a shop with customers."""
    unsuited = "settings-that-do-not-suit-customers"
    if settings.PRODUCTION and not settings.EMAIL_HOST:
        problem = _("it is not set: mails are written to files")
        yield Finding("EMAIL_HOST", problem, _("Name the mail server."), unsuited)
    if settings.PRODUCTION and host_of(settings.SHOP_URL) in ("127.0.0.1", "localhost", "[::1]"):
        problem = _("links in mails lead to the reader's own machine")
        yield Finding("SHOP_URL", problem, _("Write the shop's public address."), unsuited)
    queues = seen.queues.value
    if settings.BROKER_METRICS_URL and queues and all(queue.unacked is None for queue in queues):
        advice = _("Enable rabbitmq_prometheus, or leave it empty.")
        yield Finding("BROKER_METRICS_URL", _("nothing answers there"), advice, "broker_metrics_url")
