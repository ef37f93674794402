"""The Django app."""

from django.apps import AppConfig

from config.env import removed


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Warn about removed settings that are still set."""
        removed.warn()
