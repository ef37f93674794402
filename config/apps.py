"""The Django app."""

from django.apps import AppConfig

from config.env.reference import warn_of_removed


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Warn about removed settings that are still set."""
        warn_of_removed()
