"""A delivery method may need no address, and an order then has none. The database's columns of orders stay as they are."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('commerce', '0008_orders_found_and_sent'),
    ]

    operations = [
        migrations.AddField(
            model_name='deliverymethod',
            name='needs_address',
            field=models.BooleanField(db_default=True, default=True, help_text='No: customers pick their order up, and are asked for no address.'),
        ),
        migrations.AlterField(
            model_name='order',
            name='address',
            field=models.TextField(blank=True, help_text='Empty: the customer picks it up.', max_length=500),
        ),
    ]
