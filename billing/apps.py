"""The Django app."""

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class BillingConfig(AppConfig):
    name = "billing"
    default_auto_field = "django.db.models.BigAutoField"  # as the migrations have it, whatever the project prefers
    verbose_name = "Billing"

    def ready(self) -> None:
        """What a payment's reference names must be there to be looked up; and what the metrics read is declared."""
        from billing import gauges  # noqa: F401

        name = settings.PAYMENT_REFERENCE_MODEL
        try:
            if name:
                apps.get_model(name)
        except (LookupError, ValueError):
            raise ImproperlyConfigured(
                f"PAYMENT_REFERENCE_MODEL is {name!r}, but there is no such model: write it like 'commerce.Order', or "
                "nothing if payments need no link in the admin."
            ) from None
