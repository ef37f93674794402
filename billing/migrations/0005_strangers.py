"""What strangers cause is bounded: callbacks that are not proven to be the provider's, and checks at their request."""

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
        migrations.AddField(
            model_name='payment',
            name='requested_for',
            field=models.DateTimeField(blank=True, editable=False, help_text='When a page or callback last caused a check.', null=True),
        ),
        migrations.AddField(
            model_name='refund',
            name='requested_for',
            field=models.DateTimeField(blank=True, editable=False, help_text='When a page or callback last caused a check.', null=True),
        ),
        AddIndexConcurrently(
            model_name='callback',
            index=models.Index(condition=models.Q(('is_proven', False), models.Q(('outcome', 'looked'), _negated=True)), fields=['account', 'received_at'], name='callback_of_strangers'),
        ),
    ]
