import logging

from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

log = logging.getLogger(__name__)

CONSOLE, REFUNDS = "console_act", "add_refund"

GIVEN = {
    "change_payment": ("check_payment", "decide_payment"),
    "change_refund": ("check_refund",),
    "add_refund": ("check_refund", "decide_refund"),
    "change_dispute": ("decide_dispute",),
    "change_difference": ("resolve_difference",),
}
"""By permission of the releases before: what replaces it. The old one stays and allows nothing by itself, for the old
code may still run."""

MODELS = {name: name.partition("_")[2] for new in GIVEN.values() for name in new}


def split(apps, editor):
    """Each group and user gets what they could do before, with one exception. A group that may act in the console, and
    that may not refund, had "change payment" for its checks: it gets only those. The log names every group and user."""
    permissions = apps.get_model("auth", "Permission").objects
    old = permissions.filter(content_type__app_label="billing", codename__in=GIVEN).select_related("content_type")
    for permission in old:
        for holders in (permission.group_set, permission.user_set):
            for holder in holders.all():
                give(apps, holder, permission.codename)


def give(apps, holder, old):
    own = holder.permissions if hasattr(holder, "permissions") else holder.user_permissions
    has = set(own.values_list("codename", flat=True))
    only_checks = CONSOLE in has and REFUNDS not in has
    new = [name for name in GIVEN[old] if not (only_checks and name.startswith("decide_"))]
    own.add(*(permission(apps, name) for name in new))
    name = getattr(holder, "name", None) or f"user {holder.pk}"
    log.warning("permission.replaced", extra={"holder": name, "old": old, "new": ", ".join(new)})


def permission(apps, codename):
    """Django makes the permissions of models after all migrations, and keeps one that is there already."""
    kind, _new = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="billing", model=MODELS[codename]
    )
    model = apps.get_model("billing", MODELS[codename])
    made, _new = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind, codename=codename, defaults={"name": dict(model._meta.permissions)[codename]}
    )
    return made


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("billing", "0003_known_refunds"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="payment",
            options={
                "ordering": ["-id"],
                "permissions": [
                    ("check_payment", "May ask the provider about a payment: moves no money by itself"),
                    (
                        "decide_payment",
                        "May decide about the money of a payment: accept, close, confirm, note a difference",
                    ),
                ],
            },
        ),
        migrations.AlterModelOptions(
            name="refund",
            options={
                "ordering": ["-id"],
                "permissions": [
                    ("check_refund", "May ask the provider about a refund: moves no money by itself"),
                    ("decide_refund", "May decide about a refund: given up, carried out, returned money seen to"),
                ],
            },
        ),
        migrations.AlterModelOptions(
            name="dispute",
            options={"ordering": ["-id"], "permissions": [("decide_dispute", "May mark a dispute as answered")]},
        ),
        migrations.AlterModelOptions(
            name="difference",
            options={
                "ordering": ["-id"],
                "permissions": [("resolve_difference", "May resolve a difference with a provider's books")],
            },
        ),
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('about', models.CharField(editable=False, max_length=100)),
                ('subject', models.BigIntegerField(editable=False)),
                ('action', models.CharField(editable=False, max_length=50)),
                ('answers', models.JSONField(editable=False)),
                ('key', models.CharField(blank=True, editable=False, max_length=32, null=True)),
                ('amount_minor', models.BigIntegerField(verbose_name='amount in minor units')),
                ('currency', models.CharField(max_length=3)),
                ('asked_by', models.CharField(max_length=150)),
                ('asked_by_user', models.BigIntegerField(blank=True, editable=False, null=True)),
                ('why', models.CharField(blank=True, max_length=200)),
                ('asked_at', models.DateTimeField(db_default=Now(), editable=False)),
                ('state', models.CharField(choices=[('waiting', 'waits for a second person'), ('approved', 'approved'), ('declined', 'declined'), ('expired', 'expired')], default='waiting', max_length=8)),
                ('decided_by', models.CharField(blank=True, max_length=150)),
                ('decided_why', models.CharField(blank=True, max_length=200)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['-id'], name='proposal_needs_a_person')],
                'constraints': [models.UniqueConstraint(fields=('key',), name='proposal_once_per_form'), models.UniqueConstraint(condition=models.Q(('state', 'waiting')), fields=('about', 'subject'), name='proposal_one_waits_per_subject'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['approved', 'declined']), _negated=True), models.Q(models.Q(('decided_by', ''), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='proposal_decided_by_somebody')],
            },
        ),
        migrations.RunPython(split, migrations.RunPython.noop, elidable=True),
    ]
