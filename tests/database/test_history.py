"""No deed without its history: both are in one transaction, and a second click on a form is no second deed."""

from io import StringIO
from typing import Any

import dramatiq
import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command, get_commands, load_command_class
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse

from billing.limits import permits
from billing.models import Refund
from commerce.models import Product
from config.cli.command import os_user
from tests import reporting
from tests.database.test_actions import FACES, SUBJECTS, Face
from tests.shop import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

NO_HISTORY = """
    CREATE TRIGGER no_history BEFORE INSERT ON django_admin_log BEGIN SELECT RAISE(ABORT, 'the history is full'); END
"""
DOERS = [face for face in FACES if not (face.where == "list" and face.action.one_by_one)]
"""Where an action is done; a list sends to the row's page if each row has its own answers."""


@pytest.fixture
def boss(client: Client) -> Client:
    """May do everything."""
    client.force_login(User.objects.create_superuser("boss", password="long enough"))
    return client


def everything() -> dict[str, Any]:
    """Every row, and the number of messages in every queue and among its dead letters."""
    permits.ensure_states()  # a look at their list would make them
    broker: Any = dramatiq.get_broker()
    found: dict[str, Any] = {name: queue.qsize() for name, queue in broker.queues.items()}
    found |= {f"dead {name}": len(letters) for name, letters in broker.dead_letters_by_queue.items() if letters}
    models = [model for model in apps.get_models() if model._meta.managed and model._meta.label != "sessions.Session"]
    return found | {model._meta.label: list(model._default_manager.order_by("pk").values()) for model in models}


def fails(client: Client, act: Any) -> None:
    """Do it while the history cannot be written: nothing changes."""
    before = everything()
    with connection.cursor() as cursor:
        cursor.execute(NO_HISTORY)
        with pytest.raises(DatabaseError, match="history is full"):
            act()
        assert everything() == before
        cursor.execute("DROP TRIGGER no_history")


@pytest.mark.parametrize("face", DOERS, ids=lambda face: f"{face.where}-{face}".replace(" ", "-"))
def test_a_deed_that_cannot_be_recorded_is_not_done(face: Face, boss: Client) -> None:
    """In the console, in a list, on a row's page; what leaves the database waits for the history too."""
    key = SUBJECTS[str(face)]()
    try:
        fails(boss, lambda: face.do(boss, key))
    finally:
        for letters in dramatiq.get_broker().dead_letters_by_queue.values():  # type: ignore[attr-defined]
            letters.clear()


def test_rows_are_not_deleted_without_history(boss: Client) -> None:
    """Django's own action on a list."""
    product = reporting.product("mug")
    form = {"action": "delete_selected", "_selected_action": [product.pk], "post": "yes"}
    address = reverse("admin:commerce_product_changelist")

    fails(boss, lambda: boss.post(address, form))
    boss.post(address, form)

    assert (Product.objects.count(), LogEntry.objects.get().user) == (0, User.objects.get())


def test_a_password_is_not_set_without_history(boss: Client) -> None:
    """Django's own page."""
    sam = User.objects.create_user("sam", password="before")
    form = {"password1": "quite another 1", "password2": "quite another 1", "usable_password": "true"}
    address = reverse("admin:auth_user_password_change", args=[sam.pk])

    fails(boss, lambda: boss.post(address, form))
    boss.post(address, form)

    assert User.objects.get(pk=sam.pk).check_password("quite another 1")
    assert LogEntry.objects.get().object_repr == "sam"


@pytest.mark.parametrize("where", ["payment refund", "order refund", "order cancel-paid"])
def test_a_second_click_is_no_second_deed(where: str, shop: Shop, boss: Client) -> None:
    """The same form, sent twice: one refund, and one entry that says so."""
    order, payment = shop.paid()
    noun, action = where.split()
    app, pk = ("billing", payment.pk) if noun == "payment" else ("commerce", order.pk)
    address = reverse(f"admin:{app}_{noun}_action", args=[pk, action])
    form = {"why": "broken", "key": "f" * 32, "amount": "1.00"}

    answers = [boss.post(address, form).status_code for _ in range(2)]

    assert (answers, Refund.objects.count(), LogEntry.objects.count()) == ([302, 302], 1, 1)


def test_a_second_click_on_money_that_came_late_is_no_second_deed(boss: Client) -> None:
    """Given back at its order, twice."""
    face = next(face for face in DOERS if str(face) == "order give-back")
    key = SUBJECTS[str(face)]()

    assert [face.do(boss, key).status_code for _ in range(2)] == [302, 302]
    assert (Refund.objects.count(), LogEntry.objects.count()) == (1, 1)


def test_a_second_click_on_a_wrong_sum_is_no_second_deed(boss: Client) -> None:
    """Given back at its payment, twice."""
    face = next(face for face in DOERS if str(face) == "payment give-back")
    key = SUBJECTS[str(face)]()

    assert [face.do(boss, key).status_code for _ in range(2)] == [302, 302]
    assert (Refund.objects.count(), LogEntry.objects.count()) == (1, 1)


def test_the_log_says_who_ran_a_command_that_changes_something(caplog: pytest.LogCaptureFixture) -> None:
    """The others only show, or record each action by themselves."""
    ours = {name for name, app in get_commands().items() if app in ("actors", "billing", "commerce", "config")}
    commands = {name: load_command_class(get_commands()[name], name) for name in ours}
    changing = {name for name, command in commands.items() if getattr(command, "changes", False)}
    assert changing == {"consoleroles", "person", "reconcile", "report", "restore", "restored"}

    call_command("consoleroles", stdout=StringIO())

    record = next(record for record in caplog.records if record.msg == "command.done")
    assert (record.by, record.command) == (os_user(), "consoleroles")  # type: ignore[attr-defined]
