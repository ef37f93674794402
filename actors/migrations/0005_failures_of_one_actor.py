"""The index of one actor's jobs that were not done: the search for them read all jobs of the actor."""

from django.db import migrations, models

from config.database.operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('actors', '0004_mail_outage'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='job',
            index=models.Index(condition=models.Q(('outcome', 'done'), _negated=True), fields=['actor', 'outcome', '-ended_at', '-id'], name='job_not_done_of_actor'),
        ),
    ]
