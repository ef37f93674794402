"""Four eyes: a decision about money above MONEY_DECISION_LIMIT becomes a proposal, which another person approves.

The gate stands in `config.actions.do_one`, so console, admin and commands pass it alike. The approval runs the stored
answers through the same `do`, which judges the subject as it is then. Lock order: the subject, then its proposal.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.models import Proposal
from billing.money import Money
from config.actions import Action, ActionRefused, Held, Subject, Who, name_of
from config.due.queue import database_now

log = logging.getLogger(__name__)

State = Proposal.State


class CannotApprove(ActionRefused):
    """Nothing was changed; the message says why."""


def is_above_limit(amount: Money) -> bool:
    """Does this amount need a second person? In a currency without a limit it does, once there is a limit."""
    limits: Mapping[str, Decimal] = settings.MONEY_DECISION_LIMIT
    return bool(limits) and (amount.currency not in limits or Decimal(amount.value) > limits[amount.currency])


def gate(action: Action, subject: Subject, who: Who, answers: Mapping[str, Any]) -> Held | None:
    """Make a proposal instead; None: the action may be done now. Needs a transaction.

    The subject is locked, so that two decisions at once are judged one after the other.
    """
    if not (settings.MONEY_DECISION_LIMIT and action.stake):
        return None
    row = _locked(subject.row)
    large = [amount for amount in action.stake(row, answers) if is_above_limit(amount)] if row else []
    return _propose(action, subject, who, answers, max(large, key=lambda amount: amount.minor)) if large else None


def approve(proposal_id: int, by: str) -> object:
    """A second person agrees: it is done, with both names. Raises ActionRefused; the proposal waits on then."""
    with _deciding(proposal_id, by, State.APPROVED, "") as proposal:
        if _is_author(proposal, by):
            raise CannotApprove(_("Another person must approve it: this is your own proposal."))
        action, who = action_of(proposal), f"{proposal.asked_by}, {by}"
        try:
            return action.do(proposal.subject, who, **proposal.stored_answers)
        except ActionRefused as refusal:
            raise CannotApprove(_("It can no longer be done: %(refusal)s") % {"refusal": refusal}) from refusal


def decline(proposal_id: int, by: str, why: str) -> None:
    """A second person disagrees, or its author withdraws it. Raises CannotApprove if it does not wait."""
    with _deciding(proposal_id, by, State.DECLINED, why):
        pass


def expire() -> int:
    """Proposals that were not decided in time; returns how many."""
    old = Proposal.objects.filter(state=State.WAITING, asked_at__lt=database_now() - Proposal.LASTS)
    return old.update(state=State.EXPIRED)


def action_of(proposal: Proposal) -> Action:
    """The action, as the admin offers it on its subject's page."""
    model_admin: Any = admin.site.get_model_admin(apps.get_model(proposal.about))
    found: Action = next(each for each in model_admin.page_actions if each.name == proposal.action)
    return found


def subject_of(proposal: Proposal) -> Subject:
    """The history is that of the row that it is about; it needs the permissions of its action."""
    row = apps.get_model(proposal.about)._default_manager.get(pk=proposal.subject)
    action = action_of(proposal)
    name = f"{proposal} · {action.title}: {action.named(row)} · {proposal.why}"
    return Subject(str(proposal.pk), name, row, proposal.pk, action.permissions)


def _propose(action: Action, subject: Subject, who: Who, answers: Mapping[str, Any], amount: Money) -> Held:
    """Write a proposal, if no click on the same form has written it already. Raises CannotApprove if another waits."""
    expire()
    stored = {name: value.as_json() if isinstance(value, Money) else value for name, value in answers.items()}
    about, key = subject.row._meta.label_lower, answers.get("key")
    mine = {"about": about, "subject": subject.row.pk, "action": action.name, "answers": stored}
    waiting = Proposal.objects.filter(about=about, subject=subject.row.pk, state=State.WAITING).first()
    known = Proposal.objects.filter(key=key).first() if key else waiting
    if known and known.state != State.WAITING:
        raise CannotApprove(_("This form was used already: its proposal is decided."))
    if known and all(getattr(known, name) == value for name, value in mine.items()):
        return _held(amount, repeated=True)
    if known or waiting:
        raise CannotApprove(_("A proposal about this waits for a second person: it must be decided first."))
    user = None if isinstance(who, str) else who.pk
    row = Proposal.objects.create(
        **mine, key=key, amount_minor=amount.minor, currency=amount.currency, asked_by=name_of(who)[:150],
        asked_by_user=user, why=answers.get("why", "")[:200],
    )  # fmt: skip
    log.warning("proposal.made", extra={"proposal": row.pk, "action": action.name, "amount": str(amount)})
    return _held(amount, repeated=False)


def _held(amount: Money, *, repeated: bool) -> Held:
    text = _("Nothing was done yet: %(amount)s is above the limit, and another person must approve it.")
    return Held(gettext_lazy("Proposed to a second person"), text % {"amount": amount.localized()}, repeated)


@contextmanager
def _deciding(proposal_id: int, by: str, state: Proposal.State, why: str) -> Iterator[Proposal]:
    """The locked proposal. Afterwards it is decided, with a name."""
    with transaction.atomic():
        known = Proposal.objects.get(pk=proposal_id)
        _locked(apps.get_model(known.about)(pk=known.subject))
        proposal, now = Proposal.objects.select_for_update().get(pk=proposal_id), database_now()
        if proposal.state != State.WAITING or now - proposal.asked_at > Proposal.LASTS:
            raise CannotApprove(_("It does not wait any more: it was decided on, or is older than a week."))
        yield proposal
        proposal.state, proposal.decided_at = state, now
        proposal.decided_by, proposal.decided_why = by[:150], why[:200]
        proposal.save()
    log.warning(f"proposal.{state}", extra={"proposal": proposal_id, "by": by})


def _is_author(proposal: Proposal, by: str) -> bool:
    """By name, also across web and command line, and by user, who may have another name now."""
    user = get_user_model()._default_manager.filter(username=by).values_list("pk", flat=True).first()
    return by.casefold() == proposal.asked_by.casefold() or (user is not None and user == proposal.asked_by_user)


def _locked(row: Model) -> Any:
    return type(row)._default_manager.select_for_update().filter(pk=row.pk).first()
