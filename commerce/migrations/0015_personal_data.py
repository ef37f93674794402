"""Personal data: who may export and erase it, when it was erased, and the indexes of the nightly deletion."""

from django.db import migrations, models

from config.database.operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('commerce', '0014_network_of_unpaid_orders'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='order',
            options={'ordering': ['-id'], 'permissions': [('export_personal_data', 'Can export the data of a customer'), ('erase_personal_data', 'Can erase the data of a customer')]},
        ),
        migrations.AddField(
            model_name='order',
            name='erased_at',
            field=models.DateTimeField(blank=True, editable=False, help_text="When its customer's data was deleted.", null=True),
        ),
        AddIndexConcurrently(
            model_name='notification',
            index=models.Index(condition=models.Q(models.Q(('text', ''), _negated=True), models.Q(('status', 'queued'), _negated=True), ('report__isnull', True)), fields=['queued_at', 'id'], name='notification_not_erased'),
        ),
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(condition=models.Q(('ended_at__isnull', False), ('erased_at__isnull', True)), fields=['ended_at', 'id'], name='order_not_erased'),
        ),
    ]
