"""Jobs: run one again."""

import json

import dramatiq
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from actors.console.access import ACT
from actors.console.acting import Act, Refused, Subject
from actors.models import Job
from billing.admin.bases import number_in
from config.nudges import nudge


def _job(key: str) -> Subject | None:
    job = Job.objects.filter(Q(pk=number_in(key))).first()
    return Subject(key, f"{job.actor} {job.args}", job) if job else None


def _again(key: str, by: str, why: str) -> bool:
    """As a nudge, because nobody may wait for the broker here: one that is down loses it."""
    job = Job.objects.get(pk=key)
    args = json.loads(job.args)
    if job.actor not in dramatiq.get_broker().actors:
        raise Refused(_("%(job)s cannot be run again: there is no such actor any more.") % {"job": job.actor})
    if not isinstance(args, list) or not all(isinstance(arg, int | str) for arg in args):
        raise Refused(_("%(job)s cannot be run again from here: its arguments were not kept.") % {"job": job.actor})
    nudge(job.actor, *args)
    return True


ACTS = (
    Act(
        "job-again", gettext_lazy("Run again"),
        gettext_lazy("The same actor with the same arguments, as a new message."),
        (ACT,), _job, _again, gettext_lazy("Jobs that are run again"),
    ),
)  # fmt: skip
