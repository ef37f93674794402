"""Orders and their lines keep the names of goods and delivery in both languages."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('commerce', '0009_needs_address'),
    ]

    operations = [
        migrations.AddField(
            model_name='order',
            name='delivery_name_ru',
            field=models.CharField(blank=True, db_default='', default='', max_length=100, verbose_name='delivery in Russian'),
        ),
        migrations.AddField(
            model_name='orderline',
            name='name_ru',
            field=models.CharField(blank=True, db_default='', default='', max_length=100, verbose_name='name in Russian'),
        ),
        migrations.AlterField(
            model_name='orderline',
            name='name',
            field=models.CharField(max_length=100, verbose_name='name in English'),
        ),
    ]
