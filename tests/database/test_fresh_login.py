"""A decision about money needs a fresh log-in; attacked by a browser that was left open."""

import time
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from billing.models import Payment, Refund
from commerce.staff.fresh import FRESH_S, STAMP
from tests.database.test_actions import FACES, SUBJECTS, Face
from tests.shop import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

PASSWORD = "a long password 1"
CONFIRM = "/admin/confirm/"
FORM = {"amount": "1.00", "why": "the cup was broken", "key": "f" * 32}
DECISIONS = [face for face in FACES if face.where == "page" and face.action.about_money]


@pytest.fixture
def boss(client: Client) -> Client:
    """May do everything; logged in long ago."""
    client.force_login(User.objects.create_superuser("boss", password=PASSWORD))
    grow_old(client)
    return client


def grow_old(client: Client, age_s: float = FRESH_S + 1) -> None:
    session = client.session
    session[STAMP] = time.time() - age_s
    session.save()


def address_of(payment: Payment) -> str:
    return reverse("admin:billing_payment_action", args=[payment.pk, "refund"])


@pytest.mark.parametrize("face", DECISIONS, ids=str)
def test_an_old_log_in_decides_about_no_money(face: Face, boss: Client) -> None:
    """Neither the question nor the deed: both lead to the page that asks for the password."""
    key = SUBJECTS[str(face)]()
    before = Refund.objects.count()

    for answer in (face.ask(boss, key), face.do(boss, key)):
        assert answer["Location"] == f"{CONFIRM}?next={quote(face._page(key), safe='')}"
    assert Refund.objects.count() == before


def test_all_decisions_about_money_are_asked_for() -> None:
    """An approval too; a check and a parcel that was sent are none."""
    assert {str(face) for face in DECISIONS} >= {"payment refund", "order cancel-paid", "proposal approve"}
    assert not {"payment check-payment", "order mark-sent"} & {str(face) for face in DECISIONS}


def test_what_was_typed_comes_back_after_the_password(shop: Shop, boss: Client) -> None:
    """The form is filled in again with its own key, and nothing is done before the second click."""
    _, payment = shop.paid()
    address = address_of(payment)
    confirm = boss.post(address, FORM)["Location"]

    assert boss.post(confirm, {"password": "wrong"}).status_code == 200
    assert boss.get(address).status_code == 302
    back = boss.post(confirm, {"password": PASSWORD})

    assert (back.status_code, back["Location"]) == (302, address)
    page = boss.get(address).content.decode()
    assert f'name="key" value="{FORM["key"]}"' in page
    assert FORM["why"] in page
    assert not Refund.objects.exists()
    assert boss.post(address, FORM).status_code == 302
    assert (Refund.objects.count(), FORM["why"] in boss.get(address).content.decode()) == (1, False)


def test_a_log_in_is_fresh_for_fifteen_minutes(shop: Shop, boss: Client) -> None:
    """A stamp of the future, or none at all, is not fresh."""
    address = address_of(shop.paid()[1])
    for age_s, status in ((FRESH_S - 60, 200), (FRESH_S + 1, 302), (-60, 302), (0, 200)):
        grow_old(boss, age_s)
        assert boss.get(address).status_code == status
    boss.force_login(User.objects.get())
    assert boss.get(address).status_code == 200


def test_the_page_leads_nowhere_else(boss: Client) -> None:
    """It is for staff, and sends to our own pages only."""
    answer = boss.post(f"{CONFIRM}?next=https://evil.example/", {"password": PASSWORD})
    assert answer["Location"] == "/admin/"
    assert Client().get(CONFIRM)["Location"].startswith("/admin/login/")


def test_another_persons_password_does_not_confirm(boss: Client) -> None:
    """Only the one who is logged in can."""
    User.objects.create_user("eve", password="quite another 1", is_staff=True)
    assert boss.post(CONFIRM, {"password": "quite another 1"}).status_code == 200


def test_the_page_is_russian_too(boss: Client) -> None:
    boss.cookies["django_language"] = "ru"
    page = boss.post(CONFIRM, {"password": "wrong"}).content.decode()
    for text in ("Подтвердите, что это вы", "последних 15 минут", "Неверно", "Подтвердить"):
        assert text in page
