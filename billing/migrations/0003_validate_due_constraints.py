from django.db import migrations

from config.database.operations import ValidateConstraint


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0002_money_to_the_end"),
    ]

    operations = [
        ValidateConstraint(model_name="payment", name="payment_is_due_until_it_ends"),
        ValidateConstraint(model_name="refund", name="refund_is_due_until_it_ends"),
    ]
