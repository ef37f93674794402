"""The index by which the mails of the last minute and day are counted."""

from django.db import migrations, models

from config.database.operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('commerce', '0006_mails_refused'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='notification',
            index=models.Index(condition=models.Q(('sent_at__isnull', False)), fields=['sent_at'], name='notification_sent'),
        ),
    ]
