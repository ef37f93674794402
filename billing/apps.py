"""The Django app."""

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from config.database.names import translate_names


class BillingConfig(AppConfig):
    name = "billing"
    default_auto_field = "django.db.models.BigAutoField"  # as in the migrations; the project may use another default
    verbose_name = _("Billing")
    backup_tables = ("billing_payment",)
    readable = (
        "billing_payment.account", "billing_payment.currency", "billing_payment.raw_status",
        "billing_refund.raw_status", "billing_dispute.account", "billing_dispute.currency",
        "billing_callback.account", "billing_reconciliation.account", "billing_difference.account",
    )  # fmt: skip
    backup_summary = "SELECT count(*) || ' payments, ' || count(next_check_at) || ' of them open' FROM billing_payment"

    def ready(self) -> None:
        """Read the accounts' settings and register the gauges. Raises ImproperlyConfigured for a wrong model name."""
        from billing import four_eyes, metrics  # noqa: F401
        from billing.providers import REGISTRY, options
        from config.actions import GATES

        translate_names(self)
        if four_eyes.gate not in GATES:
            GATES.append(four_eyes.gate)
        options.describe(REGISTRY)
        options.complete(settings.PAYMENT_ACCOUNTS, REGISTRY)
        name = settings.PAYMENT_REFERENCE_MODEL
        try:
            if name:
                apps.get_model(name)
        except (LookupError, ValueError):
            raise ImproperlyConfigured(
                f"PAYMENT_REFERENCE_MODEL is {name!r}, but there is no such model: write it like 'commerce.Order', or "
                "leave it empty if payments need no link in the admin."
            ) from None
