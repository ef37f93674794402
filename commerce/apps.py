"""The Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from config.database.names import translate_names


class CommerceConfig(AppConfig):
    name = "commerce"
    verbose_name = _("Shop")
    backup_tables = ("commerce_order", "commerce_notification")
    readable = (
        "commerce_order.currency", "commerce_order.language", "commerce_orderline.name", "commerce_orderline.currency",
        "commerce_product.name", "commerce_product.slug", "commerce_product.currency",
        "commerce_deliverymethod.name", "commerce_deliverymethod.currency",
    )  # fmt: skip
    backup_summary = (
        "SELECT count(*) || ' orders, the newest of ' || coalesce(max(placed_at)::text, 'never') FROM commerce_order"
    )

    def ready(self) -> None:
        """Connects signals of users, guards decisions about money, registers gauges, counts and attentive orders."""
        from commerce import orders, visitors  # noqa: F401
        from commerce.accounts import middleware, passwords  # noqa: F401
        from commerce.mail import queue  # noqa: F401
        from commerce.staff.fresh import to_confirm
        from commerce.staff.second_factor import to_second_factor
        from config.actions.pages import GUARDS
        from config.web import malformed  # noqa: F401

        translate_names(self)
        GUARDS.extend(guard for guard in (to_second_factor, to_confirm) if guard not in GUARDS)
