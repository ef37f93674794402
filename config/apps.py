"""The Django app."""

from django.apps import AppConfig

from config.env import removed


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Warn about settings that have no effect any more."""
        removed.warn()
