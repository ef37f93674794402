from django.db import migrations

from config.database.operations import ValidateConstraint


def remember_refunds(apps, editor):
    """Refunds of earlier releases are found by their ids too. They are few, and one that is made meanwhile is kept by
    the code of this release."""
    refunds = apps.get_model("billing", "Refund").objects.exclude(provider_ref="").select_related("payment")
    kept = apps.get_model("billing", "ProviderId").objects
    for refund in refunds.iterator():
        kept.get_or_create(account=refund.payment.account, ref=refund.provider_ref, defaults={"payment": refund.payment})


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0002_money_to_the_end"),
    ]

    operations = [
        ValidateConstraint(model_name="payment", name="payment_is_due_until_it_ends"),
        ValidateConstraint(model_name="refund", name="refund_is_due_until_it_ends"),
        migrations.RunPython(remember_refunds, migrations.RunPython.noop, elidable=True),
    ]
