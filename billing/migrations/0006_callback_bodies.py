"""The index of the hourly deletion of callbacks' bodies, which may name a customer."""

from django.db import migrations, models

from config.database.operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('billing', '0005_strangers'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='callback',
            index=models.Index(condition=models.Q(models.Q(('body', b''), _negated=True), models.Q(('outcome', 'waiting'), _negated=True)), fields=['received_at', 'id'], name='callback_with_body'),
        ),
    ]
