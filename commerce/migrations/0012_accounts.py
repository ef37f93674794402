"""Counted tries, the browsers that are logged in, and mails about an account, which have no order and no report."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from config.database.operations import AddConstraintNotValid, ValidateConstraint

KINDS = [
    ("order_confirmation", "order confirmation"),
    ("seller_notification", "seller notification"),
    ("review_reminder", "review reminder"),
    ("money_back", "money back"),
    ("stop_packing", "stop packing"),
    ("report", "report"),
    ("payment_link", "payment link"),
    ("account_link", "account link"),
]
ABOUT_SOMETHING = models.CheckConstraint(
    condition=Q(kind="report", report__isnull=False, order__isnull=True)
    | Q(kind="account_link", report__isnull=True, order__isnull=True)
    | (~Q(kind__in=("report", "account_link")) & Q(report__isnull=True, order__isnull=False)),
    name="notification_is_about_something",
)


def delete_rows(apps, editor):
    """The previous release can neither send nor show these mails."""
    apps.get_model("commerce", "Notification").objects.using(editor.connection.alias).filter(kind="account_link").delete()


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("commerce", "0011_orders_to_be_packed"),
        ("sessions", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="Throttle",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(help_text="A keyed hash of what is counted.", max_length=64, unique=True)),
                ("tries", models.PositiveIntegerField(default=0, help_text="Since the last success.")),
                ("tried_at", models.DateTimeField(help_text="The last try that was not refused.")),
                ("wait_until", models.DateTimeField(help_text="Earlier tries are refused.")),
            ],
            options={"indexes": [models.Index(fields=["tried_at"], name="throttle_by_age")]},
        ),
        migrations.CreateModel(
            name="LogIn",
            fields=[
                ("session", models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="+", serialize=False, to="sessions.session")),
                ("since", models.DateTimeField()),
                ("seen_on", models.DateField(help_text="The last day on which it opened a page.")),
                ("browser", models.CharField(blank=True, help_text="The browser's family; empty if unknown.", max_length=16)),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AlterField("notification", "kind", models.CharField(choices=KINDS, max_length=32)),
        migrations.RemoveConstraint("notification", "notification_is_about_one_thing"),
        AddConstraintNotValid("notification", ABOUT_SOMETHING),
        ValidateConstraint("notification", ABOUT_SOMETHING.name),
        migrations.RunPython(migrations.RunPython.noop, delete_rows),
    ]  # fmt: skip
