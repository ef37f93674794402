"""The Django app."""

import logging
from importlib import import_module

import dramatiq
from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from config.database.names import translate_names

SERIES = (
    "config.due.lag",
    "actors.metrics.gauges",
    "actors.metrics.middleware",
    "actors.scheduling.ledger",
)
"""Modules that declare series; those of `billing` and `commerce` are declared where they are counted."""


WORKERS_LOG = logging.getLogger("dramatiq.worker.WorkerThread")
"""It warns of every result that is not stored, and ours say whether a job did something; and of every message that was
too old: after an hour without workers those are thousands. LOGGING of this project says the same, because a second
configuration resets the level; this is for a project with a LOGGING of its own."""


class ActorsConfig(AppConfig):
    name = "actors"
    default_auto_field = "django.db.models.BigAutoField"  # as in the migrations, with any project setting
    verbose_name = _("Background work")

    def ready(self) -> None:
        """Declare every actor in every process: a process that nudges an actor must know its queue."""
        translate_names(self)
        if not WORKERS_LOG.level:
            WORKERS_LOG.setLevel(logging.ERROR)
        for module in (*settings.ACTOR_MODULES, *SERIES):
            import_module(module)
        if settings.PAYMENT_SETTLING_ACTOR not in dramatiq.get_broker().get_declared_actors():
            raise ImproperlyConfigured(
                f"PAYMENT_SETTLING_ACTOR is {settings.PAYMENT_SETTLING_ACTOR!r}, but no module of ACTOR_MODULES "
                "declares an actor of that name: correct one of the two settings."
            )
