"""All actions × all roles: permitted or refused exactly as declared, and each deed leaves one entry in the history."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Any

import dramatiq
import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils.translation import override
from django_otp.plugins.otp_totp.models import TOTPDevice
from dramatiq.broker import MessageProxy

from actors import pauses
from actors.console.actions import ACTIONS
from actors.management.commands.consoleroles import ROLES
from billing.models import (
    AccountState,
    Attention,
    Callback,
    Difference,
    Dispute,
    Payment,
    Proposal,
    Reconciliation,
    Refund,
)
from commerce.models import Order, OrderStatus, Review
from config.actions import Action, recorded
from config.actions.admin import ActionAdmin
from config.due.queue import database_now
from tests import reporting
from tests.backstage import mail, make
from tests.consoles import job

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

DECLARED = {
    "console look-now": "actors.console_act",
    "console look-at": "actors.console_act",
    "console job-again": "actors.console_act",
    "console jobs-again": "actors.console_act",
    "console letter-again": "actors.console_act",
    "console letter-drop": "actors.console_act",
    "console run-now": "actors.console_act",
    "console pause-queue": "actors.console_configure",
    "console resume-queue": "actors.console_configure",
    "console pause-entry": "actors.console_configure",
    "console resume-entry": "actors.console_configure",
    "console check-payment": "actors.console_act billing.check_payment",
    "console check-payments": "actors.console_act billing.check_payment",
    "console send-mail-again": "actors.console_act commerce.change_notification",
    "console send-alike-again": "actors.console_act commerce.change_notification",
    "console open-breaker": "actors.console_configure billing.change_accountstate",
    "console close-breaker": "actors.console_configure billing.change_accountstate",
    "accountstate open-breaker": "billing.change_accountstate",
    "accountstate close-breaker": "billing.change_accountstate",
    "callback replay": "billing.change_callback",
    "difference resolve": "billing.resolve_difference",
    "notification send-mail-again": "commerce.change_notification",
    "notification send-alike-again": "commerce.change_notification",
    "order accept": "commerce.change_order billing.decide_payment",
    "order give-back": "billing.add_refund",
    "order leave": "commerce.change_order",
    "order refund": "billing.add_refund",
    "order cancel-paid": "commerce.change_order billing.add_refund",
    "order mark-sent": "commerce.change_order",
    "order mark-delivered": "commerce.change_order",
    "order write-again": "commerce.change_notification",
    "order cancel": "commerce.change_order",
    "order clear-attention": "commerce.change_order",
    "order erase-personal-data": "commerce.erase_personal_data",
    "payment check-payment": "billing.check_payment",
    "payment refund": "billing.add_refund",
    "payment accept": "billing.decide_payment",
    "payment give-back": "billing.add_refund",
    "payment close": "billing.decide_payment",
    "payment confirm": "billing.decide_payment",
    "payment note-difference": "billing.decide_payment",
    "dispute answered": "billing.decide_dispute",
    "proposal approve": "billing.view_proposal",
    "proposal decline": "billing.view_proposal",
    "reconciliation compare-again": "billing.change_reconciliation",
    "refund check-refund": "billing.check_refund",
    "refund give-up": "billing.decide_refund",
    "refund confirm": "billing.decide_refund",
    "refund note-returned": "billing.decide_refund",
    "user remove-second-factor": "otp_totp.delete_totpdevice",
    "review publish": "commerce.change_review",
    "review reject": "commerce.change_review",
}
"""What each action needs besides seeing what it is about. A new action needs a line here, and one in SUBJECTS."""


@dataclass(frozen=True)
class Face:
    """An action where it is taken: in the console, in a list, or on the page of a row."""

    action: Action
    where: str
    model: type[Model] | None = None

    def __str__(self) -> str:
        return f"{self.noun} {self.action.name}"

    @property
    def noun(self) -> str:
        return self.model._meta.model_name or "" if self.model else "console"

    @property
    def sees(self) -> str:
        """The permission to see what it is about. In the admin, the permission to change it is enough."""
        if self.model is None:
            return "actors.console_read"
        return f"{self.model._meta.app_label}.{get_permission_codename('view', self.model._meta)}"

    def needs(self) -> set[str]:
        """All permissions, as they are written down above."""
        rows = {"billing.check_payment"} if str(self) == "console look-at" else set()
        rows |= {"billing.add_refund"} if self.noun == "proposal" else set()  # that of what was proposed
        return {self.sees, *DECLARED[str(self)].split(), *rows}

    def ask(self, client: Client, key: str) -> Any:
        """Open the page that asks."""
        if self.where == "list":
            return client.post(self._list(), {"action": self.action.name, "_selected_action": [key]})
        return client.get(self._page(key), {"key": key} if self.where == "console" else {})

    def do(self, client: Client, key: str) -> Any:
        """Send the form that was filled in."""
        row = self.action.subject(key)
        assert row is not None, f"{self} does not find {key}"
        answers = {"why": "because", "confirmed": "yes", "key": key if self.where == "console" else "f" * 32}
        if self.action.name == "confirm" and isinstance(row.row, Payment):
            answers["came"] = "1.00"
        if isinstance(row.row, Review):
            answers["seen"] = f"{key}@{row.row.changed_at.isoformat()}"
        if isinstance(row.row, Order):
            answers["payment"] = str(Payment.objects.get(reference=row.row.public_id).pk)
            answers["mail"] = str(row.row.notifications.values_list("pk", flat=True).first())
        if self.action.name == "refund":
            answers["amount"] = "1.00"
        if self.where == "list":
            return client.post(self._list(), {"action": self.action.name, "_selected_action": [key], **answers})
        return client.post(self._page(key), answers)

    def _list(self) -> str:
        return reverse(f"admin:{self._named('changelist')}")

    def _page(self, key: str) -> str:
        if self.where == "console":
            return reverse(f"console:{self.action.name}")
        return reverse(f"admin:{self._named('action')}", args=[key, self.action.name])

    def _named(self, page: str) -> str:
        assert self.model
        return f"{self.model._meta.app_label}_{self.noun}_{page}"


def _faces() -> Iterator[Face]:
    yield from (Face(action, "console") for action in ACTIONS)
    for model, its_admin in sorted(admin.site._registry.items(), key=lambda pair: pair[0]._meta.label):
        if isinstance(its_admin, ActionAdmin):
            yield from (Face(action, "list", model) for action in its_admin.list_actions)
            yield from (Face(action, "page", model) for action in its_admin.page_actions)


FACES = list(_faces())


# --- something to do it to -------------------------------------------------------------------------------------------


def _row(model: type[Model], **facts: Any) -> str:
    """The key of a row with these facts."""
    row = make(model, 1)
    model._default_manager.filter(pk=row.pk).update(**facts)
    return str(row.pk)


def _open_payment(**facts: Any) -> str:
    order = reporting.order(OrderStatus.AWAITING_PAYMENT)
    payment = Payment.objects.get(reference=order.public_id)
    Payment.objects.filter(pk=payment.pk).update(**facts)
    return str(payment.pk)


def _wrong_sum() -> str:
    return _open_payment(received_minor=100, received_currency="EUR", attention=Attention.MISMATCH)


def _open_refund(**facts: Any) -> str:
    key = _row(Refund, status="pending", ended_at=None, next_check_at=reporting.MORNING, **facts)
    Payment.objects.filter(refunds=int(key)).update(refunds_minor=1)
    return key


def _late_money() -> str:
    order = reporting.order(OrderStatus.CANCELED)
    reporting.money_comes(order, reporting.MORNING + reporting.HOUR)
    return str(order.pk)


def _lost_mail() -> str:
    return str(mail(reporting.order(), status="given_up", error="550 no such user").pk)


def _dead_letter() -> str:
    broker: Any = dramatiq.get_broker()
    message = broker.get_actor("settle_orders").message()
    broker.dead_letters_by_queue[message.queue_name].append(MessageProxy(message))
    return str(message.message_id)


def _paused(kind: Any, name: str) -> str:
    pauses.pause(kind, name, "ann", "a test")
    return name


SUBJECTS: dict[str, Callable[[], str]] = {
    "console look-now": lambda: "payment",
    "console look-at": lambda: f"payment:{_open_payment()}",
    "console job-again": lambda: str(job(actor="settle_orders", args="[]").pk),
    "console jobs-again": lambda: f"1:q=message:{job(actor='settle_orders', args='[]', message_id='m-2').message_id}",
    "console letter-again": _dead_letter,
    "console letter-drop": _dead_letter,
    "console run-now": lambda: "settle_orders",
    "console pause-queue": lambda: "routine",
    "console resume-queue": lambda: _paused(pauses.QUEUE, "routine"),
    "console pause-entry": lambda: "settle_orders",
    "console resume-entry": lambda: _paused(pauses.SCHEDULE, "settle_orders"),
    "console check-payment": _open_payment,
    "console check-payments": lambda: f"1:q={_open_payment()}",
    "console send-mail-again": _lost_mail,
    "console send-alike-again": _lost_mail,
    "console open-breaker": lambda: _row(AccountState),
    "console close-breaker": lambda: _row(AccountState),
    "accountstate open-breaker": lambda: _row(AccountState),
    "accountstate close-breaker": lambda: _row(AccountState),
    "callback replay": lambda: _row(Callback),
    "difference resolve": lambda: _row(Difference),
    "notification send-mail-again": _lost_mail,
    "notification send-alike-again": _lost_mail,
    "order accept": _late_money,
    "order give-back": _late_money,
    "order leave": _late_money,
    "order refund": lambda: _row(Order),
    "order cancel-paid": lambda: _row(Order),
    "order mark-sent": lambda: _row(Order),
    "order mark-delivered": lambda: _row(Order),
    "order write-again": lambda: str(mail(reporting.order()).order_id),
    "order cancel": lambda: str(reporting.order(OrderStatus.AWAITING_PAYMENT).pk),
    "order clear-attention": lambda: _row(Order, attention_note="paid twice"),
    "order erase-personal-data": lambda: _row(Order, sent_at=database_now()),
    "payment check-payment": _open_payment,
    "payment refund": lambda: _row(Payment),
    "payment accept": _wrong_sum,
    "payment give-back": _wrong_sum,
    "payment close": lambda: _open_payment(attention=Attention.MISMATCH),
    "payment confirm": lambda: _open_payment(attention=Attention.REFUSED),
    "dispute answered": lambda: _row(Dispute),
    "payment note-difference": lambda: _row(Payment, attention=Attention.REFUNDS_DIFFER),
    "reconciliation compare-again": lambda: _row(Reconciliation),
    "refund check-refund": _open_refund,
    "refund give-up": lambda: _open_refund(attention=Attention.KEY_FORGOTTEN),
    "refund confirm": lambda: _open_refund(attention=Attention.KEY_FORGOTTEN),
    "refund note-returned": lambda: _row(Refund, status="failed", attention=Attention.RETURNED),
    "proposal approve": lambda: _row(Proposal),
    "proposal decline": lambda: _row(Proposal),
    "user remove-second-factor": lambda: str(TOTPDevice.objects.create(user=_user("lost"), name="app").user_id),
    "review publish": lambda: _row(Review),
    "review reject": lambda: _row(Review),
}


# --- somebody to do it -----------------------------------------------------------------------------------------------

Roles = dict[str, tuple[User | None, set[str] | None]]
"""By name: the user, and the permissions; None: all of them."""


def _roles(needs: set[str]) -> Roles:
    call_command("consoleroles", stdout=StringIO())
    roles: Roles = {"anonymous": (None, set()), "superuser": (_user("superuser", is_superuser=True), None)}
    for group, permissions in ROLES.items():
        user = _user(group)
        user.groups.set([Group.objects.get(name=group)])
        roles[group] = user, set(permissions)
    chosen: dict[str, set[str]] = {"none": set(), "all": needs, **{f"not {one}": needs - {one} for one in needs}}
    for name, some in chosen.items():
        user = _user(name)
        user.user_permissions.set(map(_permission, some))
        roles[name] = user, some
    return roles


def _user(name: str, **facts: Any) -> User:
    return User.objects.create(username=name, is_staff=True, **facts)


def _permission(name: str) -> Permission:
    app, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


# --- the walk --------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_letters_left() -> Iterator[None]:
    """The broker in memory is no database: nothing rolls it back."""
    yield
    for letters in dramatiq.get_broker().dead_letters_by_queue.values():  # type: ignore[attr-defined]
        letters.clear()


def test_every_action_is_written_down_with_its_permissions() -> None:
    """A permission does not change unnoticed."""
    seen = {str(face): " ".join(set(face.action.permissions) - {"actors.console_read"}) for face in FACES}

    assert {name: set(needs.split()) for name, needs in seen.items()} == {
        name: set(needs.split()) for name, needs in DECLARED.items()
    }
    assert SUBJECTS.keys() == DECLARED.keys()


@pytest.mark.parametrize("face", FACES, ids=lambda face: f"{face.where}-{face}".replace(" ", "-"))
def test_each_role_may_do_exactly_what_is_declared(face: Face) -> None:
    """The others neither ask nor do. A deed leaves one entry in the history, with who, what, to what, and why."""
    needs = face.needs()
    for role, (user, permissions) in _roles(needs).items():
        with transaction.atomic():
            client = Client()
            if user:
                client.force_login(user)
            key = SUBJECTS[str(face)]()
            may_see = permissions is None or bool({face.sees, face.sees.replace("view_", "change_")} & permissions)
            if may_see and (permissions is None or needs - {face.sees} <= permissions):
                _is_done(face, client, key, user)
            else:
                _is_refused(face, client, key, role, may_see)
            transaction.set_rollback(True)


def _is_done(face: Face, client: Client, key: str, user: User | None) -> None:
    subject, action = face.action.subject(key), face.action
    assert subject
    if action.form:
        assert face.ask(client, key).status_code == (302 if face.where == "list" and action.one_by_one else 200)
        assert not LogEntry.objects.exists()
    answer = face.do(client, key)
    if face.where == "list" and action.one_by_one:
        assert (answer["Location"], LogEntry.objects.count()) == (Face(action, "page", face.model)._page(key), 0)
        return
    assert answer.status_code == 302, answer.content.decode()
    entry = LogEntry.objects.get()
    assert entry.user == user
    assert entry.get_change_message() == (f"{action.done}: because" if action.asks_why else f"{action.done}.")
    with override("ru"):
        in_russian = f"{action.done}: because" if action.asks_why else f"{action.done}."
        assert recorded(entry.get_change_message()) == in_russian
        assert re.search("[а-я]", in_russian)
    assert (entry.object_id, entry.object_repr) == (str(subject.row.pk), subject.name[:200])
    assert entry.content_type
    assert entry.content_type.model == subject.row._meta.model_name


def _is_refused(face: Face, client: Client, key: str, role: str, sees: bool) -> None:
    """A list that may be seen is shown again: the action is not among its choices."""
    for answer in (face.ask(client, key), face.do(client, key)):
        if role == "anonymous":
            assert answer["Location"].startswith("/admin/login/")
        elif face.where == "list" and sees:
            assert answer.status_code == 302 or "cl" in answer.context, role
        else:
            assert answer.status_code == 403, role
    assert not LogEntry.objects.exists()
