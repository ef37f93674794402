"""The Django app."""

from django.apps import AppConfig


class CommerceConfig(AppConfig):
    name = "commerce"
    verbose_name = "Shop"

    def ready(self) -> None:
        """Connects what happens at a login, and declares what the metrics read."""
        from commerce import gauges, visitors  # noqa: F401
