"""The Django app."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from config.database.in_force import leave_read_only
from config.env.reference import warn_of_removed


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Warn about removed settings that are still set, watch each database connection, and log who logs in."""
        from config import security_log  # noqa: F401

        connection_created.connect(leave_read_only)
        warn_of_removed()
