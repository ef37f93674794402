"""The second factor of staff; attacked by one who has the password, and by one who has an old code."""

import re
import time
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from billing.models import Refund
from commerce.staff.fresh import FRESH_S, STAMP
from config.cli.command import NoAnswer
from tests.shop import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

PASSWORD = "a long password 1"
LOGIN, SET_UP, CONFIRM = "/admin/login/?next=/admin/", "/admin/second-factor/", "/admin/confirm/"


@pytest.fixture
def olga() -> User:
    return User.objects.create_superuser("olga", password=PASSWORD)


def logs_in(code: str = "", password: str = PASSWORD) -> Client | None:
    """A new browser that tries to log in; None: it was refused."""
    client = Client()
    answer = client.post(LOGIN, {"username": "olga", "password": password, "code": code})
    return client if answer.status_code == 302 else None


def code_of(device: TOTPDevice, steps: int = 0) -> str:
    """The code that the app shows, so many steps of 30 s from now."""
    return f"{totp(device.bin_key, t0=-30 * steps):06}"


def set_up(client: Client) -> list[str]:
    """Scan the picture and write the first code; returns the recovery codes. The device is free for the next code."""
    page = client.get(SET_UP).content.decode()
    assert 'class="segno"' in page
    device = TOTPDevice.objects.get(confirmed=False)
    answer = client.post(SET_UP, {"code": code_of(device)}).content.decode()
    TOTPDevice.objects.update(last_t=-1)
    return re.findall(r"<code>(\w{8})</code>", answer)


def test_the_password_alone_is_not_enough(olga: User) -> None:
    """Nor a wrong code; the answer is the same as for a wrong password."""
    first = logs_in()
    assert first
    assert len(set_up(first)) == 10

    said = set()
    for password, code in ((PASSWORD, ""), (PASSWORD, "000000"), ("wrong", "")):
        answer = Client().post(LOGIN, {"username": "olga", "password": password, "code": code})
        assert answer.status_code == 200
        said |= set(re.findall(r'errornote">\s*(.*?)\s*</p>', answer.content.decode(), re.S))
    assert len(said) == 1
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert logs_in(code_of(TOTPDevice.objects.get()))


def test_a_code_opens_once(olga: User) -> None:
    """Whoever saw it over a shoulder comes too late."""
    client = logs_in()
    assert client
    set_up(client)
    code = code_of(TOTPDevice.objects.get())
    assert logs_in(code)
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert not logs_in(code)


@pytest.mark.parametrize(("steps", "passes"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_a_clock_may_differ_by_one_step(olga: User, steps: int, passes: bool) -> None:
    """30 seconds; the first code sets no drift."""
    device = TOTPDevice.objects.create(user=olga, name="app")
    second = time.time() % 30
    if second > 25:  # a step must not end between the two
        device.t0 = int(second)
        device.save()
    code = f"{totp(device.bin_key, t0=device.t0 - 30 * steps):06}"
    assert bool(logs_in(code)) == passes


def test_guesses_have_to_wait(olga: User) -> None:
    """The right code too, after a wrong one: django-otp's throttle is in the database."""
    device = TOTPDevice.objects.create(user=olga, name="app")
    for _ in range(6):
        assert not logs_in("000000")
    assert not logs_in(code_of(device))
    assert TOTPDevice.objects.get().throttling_failure_count > 0


def test_a_recovery_code_opens_once(olga: User) -> None:
    """In any case and with spaces."""
    client = logs_in()
    assert client
    code = set_up(client)[0]
    assert logs_in(f" {code[:4].upper()} {code[4:]}")
    assert not logs_in(code)
    assert StaticToken.objects.count() == 9


def test_another_persons_code_does_not_open(olga: User) -> None:
    """The device must be the user's own."""
    TOTPDevice.objects.create(user=olga, name="app")
    other = TOTPDevice.objects.create(user=User.objects.create_user("sam", is_staff=True), name="app")
    assert not logs_in(code_of(other))


def test_production_asks_for_it_before_money_is_decided_about(shop: Shop, olga: User, settings: Settings) -> None:
    """Without it everything else can be done; with it the decision follows."""
    _, payment = shop.paid()
    settings.PRODUCTION = True
    client = logs_in()
    assert client
    refund = reverse("admin:billing_payment_action", args=[payment.pk, "refund"])
    check = reverse("admin:billing_payment_changelist")
    form = {"amount": "1.00", "why": "broken", "key": "f" * 32}

    assert client.post(refund, form)["Location"].startswith(SET_UP)
    assert client.post(check, {"action": "check-payment", "_selected_action": [payment.pk]}).status_code == 302
    assert not Refund.objects.exists()
    set_up(client)
    assert client.post(refund, form).status_code == 302
    assert Refund.objects.count() == 1


def test_a_session_from_before_shows_it_first(shop: Shop, olga: User) -> None:
    """A second browser that logged in with the password only: its code is asked for, also in a trial."""
    _, payment = shop.paid()
    first, second = logs_in(), logs_in()
    assert first
    assert second
    set_up(first)
    refund = reverse("admin:billing_payment_action", args=[payment.pk, "refund"])

    answer = second.get(refund)
    assert answer["Location"].startswith(CONFIRM)
    assert second.post(answer["Location"], {"password": PASSWORD}).status_code == 200
    confirmed = second.post(answer["Location"], {"code": code_of(TOTPDevice.objects.get())})
    assert (confirmed.status_code, second.get(refund).status_code) == (302, 200)


def test_it_is_set_up_once_and_by_a_fresh_log_in(olga: User) -> None:
    """A stolen session cannot put its own factor in the place of another."""
    client = logs_in()
    assert client
    session = client.session
    session[STAMP] = time.time() - FRESH_S - 1
    session.save()
    assert client.get(SET_UP)["Location"].startswith(CONFIRM)
    session[STAMP] = time.time()
    session.save()
    set_up(client)
    key = TOTPDevice.objects.get().key
    page = client.post(SET_UP, {"code": "123456"}).content.decode()
    assert 'class="segno"' not in page
    assert TOTPDevice.objects.get().key == key
    assert LogEntry.objects.get().change_message == "Second factor set up."


def test_a_lost_phone_is_removed_by_command(olga: User) -> None:
    """With a reason; then the password is enough to set up another. Sessions that it verified are verified no more."""
    client = logs_in()
    assert client
    set_up(client)
    printed = StringIO()
    call_command("secondfactor", "remove", "olga", why="the phone fell into the sea", stdout=printed)
    assert "olga is removed" in printed.getvalue()
    assert logs_in()
    assert (TOTPDevice.objects.exists(), StaticToken.objects.exists()) == (False, False)
    for name in ("olga", "nobody"):
        with pytest.raises(NoAnswer):
            call_command("secondfactor", "remove", name, why="again")


def test_only_a_superuser_removes_it_in_the_admin(olga: User) -> None:
    """May change users is not enough: it could take over a colleague's account."""
    from django.contrib.auth.models import Permission

    sam = User.objects.create_user("sam", is_staff=True)
    sam.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    TOTPDevice.objects.create(user=olga, name="app")
    address = reverse("admin:auth_user_action", args=[olga.pk, "remove-second-factor"])
    clients: list[Any] = []
    for user in (sam, olga):
        client = Client()
        client.force_login(user)
        clients.append(client.post(address, {"why": "lost"}).status_code)
    assert (clients, TOTPDevice.objects.exists()) == ([403, 302], False)


def test_no_page_shows_a_key_of_another() -> None:
    """django-otp's own admin pages would."""
    from django.contrib import admin

    assert TOTPDevice not in admin.site._registry


def test_the_security_log_has_each_step(olga: User, caplog: pytest.LogCaptureFixture) -> None:
    """With the user's id, and without a code."""
    caplog.set_level("INFO", "security")
    client = logs_in()
    assert client
    code = set_up(client)[0]
    logs_in("000000")
    logs_in(code)
    said = [record.msg for record in caplog.records if record.name == "security"]
    for event in ("second_factor_set_up", "second_factor_refused", "recovery_code_used"):
        assert f"security.{event}" in said
    assert code not in caplog.text


def test_its_pages_are_russian_too(olga: User) -> None:
    client = Client()
    client.cookies["django_language"] = "ru"
    assert "код восстановления" in client.get(LOGIN).content.decode()
    client.force_login(olga)
    assert "Отсканируйте" in client.get(SET_UP).content.decode()
    device = TOTPDevice.objects.get()
    assert "Распечатайте" in client.post(SET_UP, {"code": code_of(device)}).content.decode()
    assert "суперпользователь" in client.get(SET_UP).content.decode()
