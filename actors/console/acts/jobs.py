"""Jobs: run one again."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from actors.console.access import ACT
from actors.console.acting import Act, NotNow, Refused, Subject
from actors.models import Job
from actors.operations.broker import BrokerSilent
from actors.runtime import history
from billing.lookup import number_in


def _job(key: str) -> Subject | None:
    job = Job.objects.filter(Q(pk=number_in(key))).first()
    return Subject(key, f"{job.actor} {job.args}", job) if job else None


def _again(key: str, by: str, why: str) -> bool:
    try:
        history.run_again(Job.objects.get(pk=key))
    except BrokerSilent as silence:
        raise NotNow(str(silence)) from None
    except ValueError as problem:
        raise Refused(str(problem)) from None
    return True


ACTS = (
    Act(
        "job-again", _("Run again"),
        _("The same actor with the same arguments, as a new message."),
        (ACT,), _job, _again, _("Jobs that are run again"),
    ),
)  # fmt: skip
