"""The Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from config.database.names import translate_names


class CommerceConfig(AppConfig):
    name = "commerce"
    verbose_name = _("Shop")
    backup_tables = ("commerce_order", "commerce_notification")
    backup_summary = (
        "SELECT count(*) || ' orders, the newest of ' || coalesce(max(placed_at)::text, 'never') FROM commerce_order"
    )

    def ready(self) -> None:
        """Connects the login signal, and registers the gauge of mails, the orders that need attention, and a count."""
        from commerce import orders, visitors  # noqa: F401
        from commerce.mail import queue  # noqa: F401
        from config.web import malformed  # noqa: F401

        translate_names(self)
