"""Which role may do what, written out by hand; and what the holders of earlier permissions have after the upgrade."""

from importlib import import_module
from io import StringIO

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection

from tests.database.test_actions import FACES, Face

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

ACTS = """
    console: look-now look-at job-again jobs-again letter-again letter-drop run-now check-payment check-payments
        send-mail-again send-alike-again
    callback: replay
    notification: send-mail-again send-alike-again
    payment: check-payment
    order: write-again
    reconciliation: compare-again
    refund: check-refund
"""
ROLES = {
    "Console: read": "",
    "Console: act": ACTS,
    "Console: configure": f"""{ACTS}
        console: pause-queue resume-queue pause-entry resume-entry open-breaker close-breaker
        accountstate: open-breaker close-breaker
    """,
    "Money: decide": """
        payment: check-payment refund accept give-back close confirm note-difference
        refund: check-refund give-up confirm note-returned
        dispute: answered
        difference: resolve
        proposal: approve decline
        order: accept give-back leave refund cancel-paid mark-sent mark-delivered cancel clear-attention
    """,
}
"""By role: its actions, those of each noun."""


def written(text: str) -> set[str]:
    """The faces of a role, as `tests.database.test_actions` names them."""
    found, noun = set(), ""
    for word in text.split():
        if word.endswith(":"):
            noun = word[:-1]
        else:
            found.add(f"{noun} {word}")
    return found


def may(user: User, face: Face) -> bool:
    """May this user do it, of which the row may ask for more?"""
    return user.has_perms(face.needs() - {face.sees}) and user.has_perm(face.sees)


def test_each_role_may_do_what_is_written_here_and_no_more() -> None:
    """Only one role decides about money."""
    call_command("consoleroles", stdout=StringIO())
    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)
    for name, text in ROLES.items():
        user = User.objects.create(username=name, is_staff=True)
        user.groups.set([Group.objects.get(name=name)])
        assert {str(face) for face in FACES if may(user, face)} == written(text), name


# --- the upgrade -----------------------------------------------------------------------------------------------------


def after_upgrade(*before: str) -> tuple[set[str], set[str]]:
    """Permissions of a group and of a user who had these before, after the migration."""
    split = import_module("billing.migrations.0004_checks_and_decisions").split
    group, user = Group.objects.create(name="Support"), User.objects.create(username="sam")
    had = Permission.objects.filter(codename__in=before)
    group.permissions.set(had)
    user.user_permissions.set(had)
    with connection.schema_editor() as editor:
        split(apps, editor)
    ours = {each.rpartition(".")[2] for each in User.objects.get(pk=user.pk).get_user_permissions()}
    return set(group.permissions.values_list("codename", flat=True)) - set(before), ours - set(before)


BOTH = {"check_payment", "decide_payment"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("before", "new"),
    [
        (["change_payment"], BOTH),
        (["change_payment", "console_act"], {"check_payment"}),
        (["change_payment", "console_act", "add_refund"], {*BOTH, "check_refund", "decide_refund"}),
        (["add_refund"], {"check_refund", "decide_refund"}),
        (["change_refund"], {"check_refund"}),
        (["change_dispute"], {"decide_dispute"}),
        (["change_difference"], {"resolve_difference"}),
        (["view_payment"], set()),
    ],
)  # fmt: skip
def test_an_upgrade_takes_no_work_away_but_decisions_from_the_console(
    before: list[str], new: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Its groups had "change payment" for their checks. The log names every holder."""
    assert after_upgrade(*before) == (new, new)
    assert {record.holder for record in caplog.records if record.msg == "permission.replaced"} == (  # type: ignore[attr-defined]
        {"Support", f"user {User.objects.get().pk}"} if new else set()
    )
