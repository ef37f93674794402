"""Where an unpaid order comes from, as a keyed hash: what one network may hold unpaid is limited."""

from django.db import migrations, models

from config.database.operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('commerce', '0013_key_digests'),
    ]

    operations = [
        migrations.AddField(
            model_name='order',
            name='network',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=32),
        ),
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(condition=models.Q(('status', 'awaiting_payment'), models.Q(('network', ''), _negated=True)), fields=['network'], name='order_unpaid_there'),
        ),
    ]
