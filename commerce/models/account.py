"""What belongs to accounts beside Django's user: tries that are counted, and the browsers that are logged in."""

from typing import ClassVar

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import models
from django.utils.translation import gettext_lazy as _


class Throttle(models.Model):
    """The tries of one account, one browser that is known, or one network. It has no text that names one of them."""

    key = models.CharField(max_length=64, unique=True, help_text=_("A keyed hash of what is counted."))
    tries = models.PositiveIntegerField(default=0, help_text=_("Since the last success."))
    tried_at = models.DateTimeField(help_text=_("The last try that was not refused."))
    wait_until = models.DateTimeField(help_text=_("Earlier tries are refused."))

    class Meta:
        indexes: ClassVar = [
            # prune_accounts
            models.Index(fields=["tried_at"], name="throttle_by_age"),
        ]

    def __str__(self) -> str:
        return self.key[:8]


class LogIn(models.Model):
    """A browser that is logged in: what the list of sessions shows. It ends with its session."""

    # No constraint in the database: the last release deletes sessions during a deploy, and does not know this table.
    session = models.OneToOneField(Session, models.CASCADE, primary_key=True, db_constraint=False, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    since = models.DateTimeField()
    seen_on = models.DateField(help_text=_("The last day on which it opened a page."))
    browser = models.CharField(max_length=16, blank=True, help_text=_("The browser's family; empty if unknown."))

    def __str__(self) -> str:
        return f"{self.user_id}: {self.browser} {self.since:%Y-%m-%d}"


class KeyDigest(models.Model):
    """What the shop's keys looked like at the last look. A digest does not give its key away."""

    name = models.CharField(max_length=100, primary_key=True, help_text=_("SECRET_KEY, or a payment account."))
    digest = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.name
