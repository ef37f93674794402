"""Digests of keys, by which the security log says that a key has changed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commerce", "0012_accounts")]

    operations = [
        migrations.CreateModel(
            name="KeyDigest",
            fields=[
                ("name", models.CharField(help_text="SECRET_KEY, or a payment account.", max_length=100, primary_key=True, serialize=False)),
                ("digest", models.CharField(max_length=64)),
            ],
        ),
    ]  # fmt: skip
