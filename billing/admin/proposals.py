"""The admin of decisions that wait for a second person."""

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing import four_eyes
from billing.admin.bases import LargeTable, ReadOnlyAdmin, link_to_row, money, needs_a_person
from billing.attention import ATTENTIVE
from billing.models import Proposal
from config.actions import Action, Question, Reason, Subject, row_of
from config.actions.admin import ActionAdmin


def _proposed(key: str) -> Subject | None:
    found = row_of(Proposal)(key)
    return four_eyes.subject_of(found) if isinstance(found, Proposal) else None


OF_PROPOSALS = (
    Action(
        "approve", _("Approve"),
        _("Is this right? It is done at once, with both names. You cannot approve what you proposed yourself."),
        ("billing.view_proposal",), _proposed, four_eyes.approve, _("Approved as the second person"), form=Question,
        is_decision=True,
        subject_of=four_eyes.subject_of, offered=lambda proposal: proposal.state == Proposal.State.WAITING,
    ),
    Action(
        "decline", _("Decline"),
        _("It is not done. A person who proposed something may withdraw it in this way."),
        ("billing.view_proposal",), _proposed, four_eyes.decline, _("Declined as the second person"), form=Reason,
        subject_of=four_eyes.subject_of, offered=lambda proposal: proposal.state == Proposal.State.WAITING,
    ),
)  # fmt: skip


@admin.register(Proposal)
class ProposalAdmin(ActionAdmin, LargeTable, ReadOnlyAdmin):
    """Each is decided on its own page, where all of it can be read."""

    list_display = ("id", "what", "amount", "asked_by", "asked_at", "state", "decided_by")
    list_filter = (needs_a_person(ATTENTIVE["proposal"].needs_a_person), "state", "asked_at")
    search_fields = ("asked_by", "decided_by")
    search_help_text = _("Exact match: the number of the proposal, or the name of one of its two persons.")
    fields = (
        "what", "row", "amount", "asked_by", "why", "asked_at", "state", "decided_by", "decided_why", "decided_at",
    )  # fmt: skip
    readonly_fields = ("what", "row", "amount", "asked_at")
    page_actions = OF_PROPOSALS
    amount = money("amount")

    @admin.display(description=_("what is proposed"))
    def what(self, proposal: Proposal) -> str:
        return str(four_eyes.action_of(proposal).title)

    @admin.display(description=_("about what"))
    def row(self, proposal: Proposal) -> SafeString:
        row = four_eyes.subject_of(proposal).row
        return link_to_row(type(row), row.pk, row)

    def named(self, word: str) -> Q:
        return super().named(word) | Q(asked_by=word) | Q(decided_by=word)
