"""All actions of the console, and the view that runs them.

The actions belong to the packages that do the work; here they also get the console's permissions. Actions that move
money have their own pages in the admin (`billing.actions`).
"""

from collections.abc import Sequence
from dataclasses import replace

from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from actors.console.bulk import CHECK_PAYMENTS, RERUN_JOBS
from actors.kinds import Kind
from actors.operations import actions as of_jobs
from actors.operations.actions import ACT, CONFIGURE, READ, named
from actors.project import kind_named, project
from billing.actions import CHECK_PAYMENT, CLOSE_BREAKER, OPEN_BREAKER
from billing.lookup import number_in
from billing.models import AskedBy
from config.actions import Action, Subject
from config.actions.pages import Place, perform, too_many
from config.messaging.nudges import nudge


def _kind(key: str) -> Subject | None:
    kind = kind_named(key)
    return named(key, str(kind.label), kind) if kind else None


def _row(key: str) -> Subject | None:
    """A key like `notification:17`. It needs the permission to check such rows: the console grants none."""
    name, _colon, pk = key.partition(":")
    kind = kind_named(name)
    row = kind and kind.trim(kind.due.appointments()).filter(pk=number_in(pk)).first()
    return Subject(key, str(row), row, (kind, row.pk), (kind.needs,)) if kind and row else None


def _check_row(target: tuple[Kind, int], by: str) -> bool:
    """A row whose due time is a promise is worked on only if it is due."""
    kind, pk = target
    made_due = kind.may_be_early and kind.due.make_due(Q(pk=pk), AskedBy.OPERATOR) > 0
    nudge(kind.sweep)
    return made_due


SWEEP_NOW = Action(
    "look-now", _("Sweep now"), _("The sweep works off all due rows now, without waiting for its next tick."), (ACT,),
    _kind, lambda kind, by: nudge(kind.sweep), _("Sweeps started"),
)  # fmt: skip
CHECK_ROW = Action(
    "look-at", _("Check now"), _("The row comes due at once, and the sweep starts."), (ACT,),
    _row, _check_row, _("Rows that are checked now"),
    _("Left alone: rows that are finished, or whose due time is a promise"),
)  # fmt: skip


def _here(*actions: Action, needs: tuple[str, ...] = (READ,)) -> Sequence[Action]:
    return [replace(action, permissions=(*needs, *action.permissions)) for action in actions]


ACTIONS: tuple[Action, ...] = (
    *_here(
        SWEEP_NOW, CHECK_ROW, of_jobs.RERUN_JOB, RERUN_JOBS, of_jobs.RESEND_DEAD_LETTER, of_jobs.DROP_DEAD_LETTER,
        of_jobs.RUN_NOW, of_jobs.PAUSE_QUEUE, of_jobs.RESUME_QUEUE, of_jobs.PAUSE_ENTRY, of_jobs.RESUME_ENTRY,
    ),
    *_here(CHECK_PAYMENT, CHECK_PAYMENTS, *project().actions, needs=(READ, ACT)),
    *_here(OPEN_BREAKER, CLOSE_BREAKER, needs=(READ, CONFIGURE)),
)  # fmt: skip


def act(request: HttpRequest, action: Action) -> HttpResponse:
    """Read the keys and the way back from the button, then ask or do it. Raises PermissionDenied."""
    sent = request.POST if request.method == "POST" else request.GET
    keys, back = list(dict.fromkeys(sent.getlist("key"))), _way_back(request, sent.get("next", ""))
    if too_many(request, len(keys)):
        return HttpResponseRedirect(back)
    subjects = [found for key in keys if (found := action.subject(key))]
    if subjects or not action.allows(request.user):
        context = {**admin.site.each_context(request), "stylesheet": "console/console.css", "bodyclass": "console"}
        hidden = [("next", back), *(("key", subject.key) for subject in subjects)]
        return perform(request, action, subjects, Place(back, _("Console"), context, hidden))
    messages.warning(request, gettext("Nothing was done: no row was chosen, or the rows are gone."))
    return HttpResponseRedirect(back)


def _way_back(request: HttpRequest, wanted: str) -> str:
    """The page with the button, if it is one of ours."""
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return reverse("console:overview")
