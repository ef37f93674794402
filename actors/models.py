"""Records about the background work itself."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from config.errors.exception_text import scrubbed_summary, scrubbed_trace


class Job(models.Model):
    """One run of an actor that did something, failed, or was refused. A run that found nothing leaves no row."""

    class Outcome(models.TextChoices):
        DONE = "done", pgettext_lazy("job", "Done")
        RETRIED = "retried", _("failed, will run again")
        FAILED = "failed", _("failed for the last time: a dead letter")
        QUARANTINED = "quarantined", _("not run: it ended its worker three times")
        DROPPED = "dropped", _("not run: too old")

    GIVEN_UP = (Outcome.FAILED, Outcome.QUARANTINED)
    """Outcomes after which the message is a dead letter."""

    message_id = models.CharField(max_length=64, editable=False)
    actor = models.CharField(max_length=64, editable=False)
    queue = models.CharField(max_length=64, editable=False)
    args = models.TextField(editable=False, help_text=_("JSON: a list of positional and a mapping of named arguments."))
    attempt = models.PositiveIntegerField(editable=False, help_text=_("1 for the first run of the message."))
    outcome = models.CharField(max_length=16, choices=Outcome, editable=False)
    error = models.CharField(max_length=300, blank=True, editable=False, help_text=_("Its class and message."))
    traceback = models.TextField(blank=True, editable=False, help_text=_("The end of the traceback."))
    began_at = models.DateTimeField(editable=False)
    ended_at = models.DateTimeField(editable=False)
    waited_s = models.FloatField(
        editable=False, help_text=_("From sending to the start; for a later attempt, from the failure before it.")
    )
    worker = models.CharField(max_length=96, editable=False, help_text=_("The name of the worker process."))

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["-ended_at", "-id"], name="job_latest"),  # the list; prune_history from its other end
            models.Index(fields=["actor", "-ended_at", "-id"], name="job_of_actor"),
            models.Index(
                fields=["outcome", "-ended_at", "-id"], name="job_not_done", condition=~models.Q(outcome="done")
            ),
            models.Index(
                fields=["actor", "outcome", "-ended_at", "-id"],
                name="job_not_done_of_actor",
                condition=~models.Q(outcome="done"),
            ),
            models.Index(fields=["message_id"], name="job_of_message"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.outcome} at {self.ended_at:%Y-%m-%d %H:%M:%S}"

    @classmethod
    def from_db(cls, *row: Any, **options: Any) -> Self:
        """Rows of an earlier release keep all words of their exceptions until JOB_HISTORY_DAYS are over."""
        job = super().from_db(*row, **options)
        for name, scrub in (("error", scrubbed_summary), ("traceback", scrubbed_trace)):
            if text := vars(job).get(name):
                setattr(job, name, scrub(text))
        return job

    @property
    def took_s(self) -> float:
        return (self.ended_at - self.began_at).total_seconds()

    @property
    def is_given_up(self) -> bool:
        """Is its message a dead letter now?"""
        return self.outcome in self.GIVEN_UP


class Worker(models.Model):
    """One worker process. Each heartbeat writes this row, every `heartbeat.BEAT_S` seconds."""

    name = models.CharField(max_length=96, unique=True, editable=False, help_text=_("Host, process id, random part."))
    host = models.CharField(max_length=64, editable=False)
    pid = models.PositiveIntegerField(editable=False)
    release = models.CharField(max_length=64, blank=True, editable=False, help_text=_("RELEASE of that process."))
    queues = models.JSONField(default=list, editable=False, help_text=_("The names of the queues it consumes."))
    threads = models.PositiveSmallIntegerField(editable=False)
    busy = models.JSONField(
        default=list, editable=False, help_text=_("What runs: a list of actor, message_id, args and since (ISO, UTC).")
    )
    fetched = models.PositiveIntegerField(
        default=0, editable=False, help_text=_("Messages in memory, not started yet.")
    )
    delayed = models.PositiveIntegerField(default=0, editable=False, help_text=_("Retries in memory, not due yet."))
    done = models.PositiveBigIntegerField(default=0, editable=False, help_text=_("Successful runs since its start."))
    failed = models.PositiveBigIntegerField(default=0, editable=False, help_text=_("Failed runs since its start."))
    unrecorded = models.PositiveBigIntegerField(
        default=0, editable=False, help_text=_("Runs missing in the history since its start.")
    )
    started_at = models.DateTimeField(editable=False)
    seen_at = models.DateTimeField(editable=False, help_text=_("Its last heartbeat."))
    stopped_at = models.DateTimeField(
        null=True, editable=False, help_text=_("Empty if it runs or did not stop properly.")
    )
    mail_away_since = models.DateTimeField(
        null=True, editable=False, help_text=_("Since when the mail server has not answered it; empty if it does.")
    )
    mail_failed_at = models.DateTimeField(
        null=True, editable=False, help_text=_("Its last attempt to reach that server.")
    )
    mail_error = models.CharField(
        max_length=200,
        default="",
        db_default="",
        editable=False,
        help_text=_("What came of it, in the server's words."),
    )

    class Meta:
        indexes: ClassVar = [models.Index(fields=["seen_at"], name="worker_seen")]

    def __str__(self) -> str:
        return self.name


class LossyLog(models.Model):
    """A process of any kind whose log drops lines: its reader hangs or has gone, or a disk is full."""

    process = models.CharField(max_length=128, unique=True, editable=False, help_text=_("Its part and name."))
    lines = models.PositiveBigIntegerField(editable=False, help_text=_("Lines that were dropped since its start."))
    dropped_at = models.DateTimeField(editable=False, help_text=_("When `lines` last grew."))

    def __str__(self) -> str:
        return self.process


class Redelivery(models.Model):
    """One start of a message that the broker had delivered before. The end of that run deletes it.

    The rows that stay are starts without an end; `actors/runtime/quarantine.py` decides which of them are deaths.
    """

    message_id = models.CharField(max_length=64, editable=False)
    worker = models.CharField(max_length=96, editable=False, help_text=_("The name of the worker that started it."))
    started_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["message_id"], name="redelivery_of_message"),
            models.Index(fields=["started_at"], name="redelivery_oldest"),  # prune_history
        ]

    def __str__(self) -> str:
        return f"{self.message_id} on {self.worker}"


class Tick(models.Model):
    """One due time of one schedule entry. The unique key lets several schedulers run and each tick fire once."""

    schedule = models.CharField(max_length=64)
    due_at = models.DateTimeField()
    fired_at = models.DateTimeField(db_default=Now(), editable=False)
    fired_by = models.CharField(max_length=32, editable=False, help_text=_("The scheduler that fired it."))
    paused = models.BooleanField(
        db_default=False, default=False, editable=False, help_text=_("The entry was paused: no nudge was sent.")
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["schedule", "due_at"], name="tick_fires_once"),
        ]

    def __str__(self) -> str:
        return f"{self.schedule} at {self.due_at:%Y-%m-%d %H:%M:%S}"


class Pause(models.Model):
    """A queue that workers do not read, or a schedule entry that is not fired. Deleting the row resumes it."""

    class Kind(models.TextChoices):
        QUEUE = "queue", pgettext_lazy("name", "Queue")
        SCHEDULE = "schedule", pgettext_lazy("name", "Schedule")

    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(max_length=64)
    paused_at = models.DateTimeField(db_default=Now(), editable=False)
    paused_by = models.CharField(max_length=150)
    why = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "name"], name="paused_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Console(models.Model):
    """A model without a table: the console shows rows of other tables. Users and groups get its permissions."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions: ClassVar = [
            ("console_read", "May see the console"),
            ("console_act", "May act in the console: check now, run again, send again"),
            ("console_configure", "May pause queues and schedules, and switch providers, in the console"),
        ]
        verbose_name = "console"

    def __str__(self) -> str:
        return "console"
