"""Orders are found by a part of the name or mail address, on PostgreSQL by a trigram index; and orders that were sent."""

from typing import Any

from django.core.management import CommandError
from django.db import Error, migrations, models

PARTS_INDEXED = {"name": "order_name_parts", "email": "order_email_parts"}
"""Columns and their indexes; Django's models know no such index that SQLite could do without."""


def add_indexes(apps: Any, editor: Any) -> None:
    """Without blocking writes. A run that was cut off left an invalid index, so an older one is dropped first."""
    if editor.connection.vendor != "postgresql":
        return
    try:
        editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except Error as error:
        raise CommandError(
            f"The search of orders needs PostgreSQL's extension pg_trgm, and this role cannot add it: {error}".rstrip()
            + "\nInstall the package postgresql-contrib if it is missing. Then, as the database's owner or as a superuser"
            " in this database: CREATE EXTENSION pg_trgm;"
        ) from error
    drop_indexes(apps, editor)
    for column, index in PARTS_INDEXED.items():
        editor.execute(
            f'CREATE INDEX CONCURRENTLY {index} ON commerce_order USING gin (upper("{column}") gin_trgm_ops)'
        )


def drop_indexes(apps: Any, editor: Any) -> None:
    """The extension stays: others may use it."""
    if editor.connection.vendor == "postgresql":
        for index in PARTS_INDEXED.values():
            editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('commerce', '0007_mail_limits'),
    ]

    operations = [
        # First, because it can fail and be run again: a column that exists already could not be added.
        migrations.RunPython(add_indexes, drop_indexes),
        migrations.AddField(
            model_name='order',
            name='sent_at',
            field=models.DateTimeField(blank=True, help_text='When it was marked as sent; it stays paid.', null=True),
        ),
        migrations.AlterField(
            model_name='orderevent',
            name='kind',
            field=models.CharField(choices=[('cancel_asked', 'the customer wanted to cancel'), ('canceled', 'cancelled before the payment came'), ('expired', 'expired before the payment came'), ('sent', 'marked as sent'), ('delivered', 'marked delivered'), ('attention', 'a person must look'), ('looked_at', 'a person has looked'), ('money_not_taken', 'a payment that is not accepted, and is refunded'), ('decided', 'a person has decided about a late payment')], max_length=16),
        ),
    ]
