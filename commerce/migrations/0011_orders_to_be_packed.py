"""The index of the orders to pack: paid, and not marked as sent."""

from django.db import migrations, models

from config.database.operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('commerce', '0010_names_in_both_languages'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(condition=models.Q(('sent_at__isnull', True), ('status', 'paid')), fields=['-id'], name='order_to_be_packed'),
        ),
    ]
