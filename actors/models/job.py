"""The history of the background work."""

from typing import ClassVar

from django.db import models


class Job(models.Model):
    """One run of an actor that did something, failed, or was refused. A run that found nothing leaves no row."""

    class Outcome(models.TextChoices):
        """The outcome of a run."""

        DONE = "done"
        RETRIED = "retried", "failed, will run again"
        FAILED = "failed", "failed for the last time: a dead letter"
        QUARANTINED = "quarantined", "not run: it ended its worker three times"
        DROPPED = "dropped", "not run: too old"

    GIVEN_UP = (Outcome.FAILED, Outcome.QUARANTINED)
    """Outcomes after which the message is a dead letter."""

    message_id = models.CharField(max_length=64, editable=False)
    actor = models.CharField(max_length=64, editable=False)
    queue = models.CharField(max_length=64, editable=False)
    args = models.TextField(editable=False, help_text="JSON: a list of positional and a mapping of named arguments.")
    attempt = models.PositiveIntegerField(editable=False, help_text="1 for the first run of the message.")
    outcome = models.CharField(max_length=16, choices=Outcome, editable=False)
    error = models.CharField(max_length=300, blank=True, editable=False, help_text="Its class and message.")
    traceback = models.TextField(blank=True, editable=False, help_text="The end of the traceback.")
    began_at = models.DateTimeField(editable=False)
    ended_at = models.DateTimeField(editable=False)
    waited_s = models.FloatField(
        editable=False, help_text="From sending to the start; for a later attempt, from the failure before it."
    )
    worker = models.CharField(max_length=96, editable=False, help_text="The name of the worker process.")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["-ended_at", "-id"], name="job_latest"),  # the list; prune_history from its other end
            models.Index(fields=["actor", "-ended_at", "-id"], name="job_of_actor"),
            models.Index(
                fields=["outcome", "-ended_at", "-id"], name="job_not_done", condition=~models.Q(outcome="done")
            ),
            models.Index(fields=["message_id"], name="job_of_message"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.outcome} at {self.ended_at:%Y-%m-%d %H:%M:%S}"

    @property
    def took_s(self) -> float:
        """Its duration, in seconds."""
        return (self.ended_at - self.began_at).total_seconds()

    @property
    def is_given_up(self) -> bool:
        """Is its message a dead letter now?"""
        return self.outcome in self.GIVEN_UP
