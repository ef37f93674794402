"""A mail may be about a day's report instead of an order.

This is safe beside the previous release: its code writes mails without `report` and `attachment`. The old mail columns
of reports get defaults, because the code of this release writes reports without them.
"""

import django.db.models.deletion
from config.database.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models
from django.db.models import Q

ONCE_PER_REPORT = models.UniqueConstraint(
    fields=["report", "recipient"], condition=Q(report__isnull=False), name="notification_once_per_report"
)
ABOUT_ONE_THING = models.CheckConstraint(
    condition=Q(kind="report", report__isnull=False, order__isnull=True)
    | (~Q(kind="report") & Q(report__isnull=True, order__isnull=False)),
    name="notification_is_about_one_thing",
)
KINDS = [
    ("order_confirmation", "order confirmation"),
    ("seller_notification", "seller notification"),
    ("review_reminder", "review reminder"),
    ("money_back", "money back"),
    ("stop_packing", "stop packing"),
    ("report", "report"),
]
MAIL_STATES = [
    ("none", "none"),
    ("queued", "queued"),
    ("sent", "sent"),
    ("uncertain", "uncertain"),
    ("given_up", "given up"),
]


def add_unique_index(_apps, editor):
    """The index of ONCE_PER_REPORT; on PostgreSQL without blocking writes."""
    gently = "CONCURRENTLY " if editor.connection.vendor == "postgresql" else ""
    editor.execute(
        f"CREATE UNIQUE INDEX {gently}{ONCE_PER_REPORT.name} ON commerce_notification (report_id, recipient) "
        "WHERE report_id IS NOT NULL"
    )


def remove_unique_index(_apps, editor):
    gently = "CONCURRENTLY " if editor.connection.vendor == "postgresql" else ""
    editor.execute(f"DROP INDEX {gently}{ONCE_PER_REPORT.name}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("commerce", "0001_initial")]

    operations = [
        migrations.AlterField("dailyreport", "claims", models.PositiveSmallIntegerField(db_default=0, default=0, editable=False)),
        migrations.AlterField("dailyreport", "errors", models.PositiveSmallIntegerField(db_default=0, default=0, editable=False, verbose_name="consecutive errors")),
        migrations.AlterField("dailyreport", "asked_by", models.CharField(blank=True, db_default="", default="", editable=False, max_length=16)),
        migrations.AlterField("dailyreport", "mail_state", models.CharField(choices=MAIL_STATES, db_default="none", default="none", max_length=10)),
        migrations.AlterField("dailyreport", "mail_error", models.CharField(blank=True, db_default="", help_text="What the mail server said last.", max_length=200)),
        migrations.AlterField("notification", "kind", models.CharField(choices=KINDS, max_length=32)),
        migrations.AlterField("notification", "order", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="notifications", to="commerce.order")),
        migrations.AddField("notification", "report", models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="notifications", to="commerce.dailyreport")),
        migrations.AddField("notification", "attachment", models.TextField(blank=True, db_default="", default="", help_text="A report's numbers as CSV.")),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add_unique_index, remove_unique_index)],
            state_operations=[migrations.AddConstraint("notification", ONCE_PER_REPORT)],
        ),
        AddConstraintNotValid("notification", ABOUT_ONE_THING),
        ValidateConstraint("notification", ABOUT_ONE_THING.name),
    ]  # fmt: skip
