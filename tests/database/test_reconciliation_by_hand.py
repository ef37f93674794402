"""What a person sees of reconciliation, and does about it: in the admin, and by `manage.py reconcile`."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from config.due.queue import database_now
from tests.books import State, made_yesterday, many, only, reconcile, stranger, yesterday
from tests.people import logged_in
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough

# --- in the admin ----------------------------------------------------------------------------------------------------


def test_a_person_resolves_a_difference_with_a_reason(shop: Shop, client: Client) -> None:
    """Asked for the reason first; then it stands there with their name."""
    stranger(shop)
    reconcile()
    sam = logged_in(client, "view_difference", "resolve_difference")
    changelist = reverse("admin:billing_difference_changelist")
    form = {"action": "resolve", ACTION_CHECKBOX_NAME: [only().pk]}
    assert "there and not here" in sam.get(changelist + "?state__exact=parked").content.decode()

    page = sam.post(changelist, form).content.decode()
    assert "€9.90" in page
    assert only().state == State.PARKED

    sam.post(changelist, {**form, "why": "  a test of the bank's "})
    assert (only().state, only().decided_by, only().why) == (State.RESOLVED, "sam", "a test of the bank's")


def test_without_the_permission_nothing_is_resolved_or_compared(shop: Shop, client: Client) -> None:
    """Whoever may only look can only look."""
    stranger(shop)
    run = reconcile()
    due = run.reconcile_after
    sam = logged_in(client, "view_difference", "view_reconciliation")
    form = {"action": "resolve", "why": "because", ACTION_CHECKBOX_NAME: [only().pk]}

    sam.post(reverse("admin:billing_difference_changelist"), form)
    sam.post(
        reverse("admin:billing_reconciliation_changelist"), {"action": "compare-again", ACTION_CHECKBOX_NAME: [run.pk]}
    )

    assert only().state == State.PARKED
    assert shop.fresh(run).reconcile_after == due


def test_a_day_is_compared_again_on_demand(shop: Shop, client: Client) -> None:
    """It is due at once; the list says how many differences stand."""
    stranger(shop)
    run = reconcile()
    sam = logged_in(client, "view_reconciliation", "change_reconciliation")
    changelist = reverse("admin:billing_reconciliation_changelist")
    assert '<td class="field-standing">1</td>' in sam.get(changelist).content.decode()

    sam.post(changelist, {"action": "compare-again", ACTION_CHECKBOX_NAME: [run.pk]})

    due = shop.fresh(run).reconcile_after
    assert due is not None
    assert due <= database_now()


# --- by hand ---------------------------------------------------------------------------------------------------------


class Terminal(StringIO):
    """Somebody is watching."""

    def isatty(self) -> bool:
        return True


def command(*arguments: str, out: Callable[[], StringIO] = StringIO) -> tuple[int, str, str]:
    """`manage.py reconcile …`: its exit status, what it printed, and what it complained of."""
    printed, status, complaint = out(), 0, ""
    try:
        call_command("reconcile", *arguments, stdout=printed)
    except CommandError as error:
        status, complaint = error.returncode, str(error)
    return status, printed.getvalue(), complaint


def test_the_command_says_that_they_agree(shop: Shop) -> None:
    """Status 0; yesterday, if no day is given."""
    made_yesterday(shop, "pay")

    assert command() == (0, f"{yesterday()}  sandbox  there 1  here 1\n", "")


def test_the_command_shows_what_is_left_for_a_person(shop: Shop) -> None:
    """Status 1, and a table; what was mended is only counted."""
    payment = made_yesterday(shop)
    shop.buyer(payment, "pay")
    provider_ref = stranger(shop)

    status, printed, complaint = command("--day", str(yesterday()))

    assert (status, complaint) == (1, "Open differences: 1.")
    line, head, row = printed.splitlines()
    assert line == f"{yesterday()}  sandbox  there 2  here 1  mended 1  parked 1"
    assert head.split()[0] == "payment"
    assert row.startswith(f"{provider_ref}  there and not here, with money")
    assert row.endswith("succeeded, 9.90 EUR  an operator must decide")


def test_the_command_says_what_could_not_be_finished(shop: Shop) -> None:
    """Status 2: nobody should take silence for agreement."""
    made_yesterday(shop)
    shop.sandbox.outage("status_500", 600)

    status, printed, complaint = command("--day", str(yesterday()))

    assert (status, complaint) == (2, f"Not finished, will be tried again later: sandbox on {yesterday()}.")
    assert "NOT FINISHED: HTTP 500" in printed


def test_the_command_speaks_json(shop: Shop) -> None:
    """Nothing else is printed."""
    provider_ref = stranger(shop)

    status, printed, _ = command("--json")

    [day] = json.loads(printed)
    assert (status, day["day"], day["there"]) == (1, str(yesterday()), 1)
    assert [(each["provider_ref"], each["state"]) for each in day["differences"]] == [(provider_ref, "parked")]


@pytest.mark.postgres_too
def test_on_a_terminal_the_command_has_a_bar(shop: Shop) -> None:
    """It moves with the pages, and is wiped away for the result."""
    many(shop, 200)

    _, printed, _ = command("--from", str(yesterday()), out=Terminal)

    assert f"\r[{'#' * 15}{'.' * 15}] 100/200  sandbox {yesterday()}" in printed
    assert f"\r[{'#' * 30}] 200/200" in printed
    assert printed.endswith(f"\r\033[K{yesterday()}  sandbox  there 200  here 200\n")


def test_on_a_terminal_many_days_are_counted(shop: Shop) -> None:
    """Each from its start, also a day without a payment of ours: its list may be long."""
    first = yesterday() - timedelta(days=2)

    _, printed, _ = command("--from", str(first), out=Terminal)

    for number in (1, 2, 3):
        label = f"sandbox {first + timedelta(days=number - 1)} ({number} of 3)"
        assert f"\r[{'.' * 30}] 0/1  {label}\033[K" in printed


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--day", "2099-01-01"], "not over yet"),
        (["--day", "2026-01-01", "--to", "2026-01-02"], "either --day or"),
        (["--to", "2026-01-02"], "Write --from too"),
        (["--from", "2026-01-03", "--to", "2026-01-02"], "is after"),
        (["--account", "piggybank"], "is not an account"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(shop: Shop, arguments: list[str], why: str) -> None:
    """With a sentence, and with status 2."""
    status, printed, complaint = command(*arguments)

    assert status == 2
    assert why in complaint
    assert not printed
