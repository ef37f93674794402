"""Callbacks that the provider has not proven to be its own: they are bounded, and counted by the day."""

from django.db import migrations, models

from config.database.operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('billing', '0004_checks_and_decisions'),
    ]

    operations = [
        migrations.AddField(
            model_name='callback',
            name='is_proven',
            field=models.BooleanField(db_default=True, default=True, help_text="Its signature, or its network, is the provider's."),
        ),
        AddIndexConcurrently(
            model_name='callback',
            index=models.Index(condition=models.Q(('is_proven', False), models.Q(('outcome', 'looked'), _negated=True)), fields=['account', 'received_at'], name='callback_of_strangers'),
        ),
    ]
