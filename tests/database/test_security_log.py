"""The security log: ids of accounts, and nothing that a person typed."""

import logging
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from commerce.accounts import keys
from commerce.models import KeyDigest, Notification
from config.logging import JsonLines, configuration
from config.security_log import SECURITY_EVENTS_TOTAL, SecurityEvent, security_event
from tests.people import logged_in

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

PASSWORD = "one long sentence"

Logged = Callable[[], list[tuple[str, int | None]]]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    """The events so far, with the ids of their users."""
    caplog.set_level(logging.INFO, "security")

    def events() -> list[tuple[str, int | None]]:
        records = [record for record in caplog.records if record.name == "security"]
        return [(record.getMessage(), vars(record).get("user")) for record in records]

    return events


@pytest.fixture
def ann() -> User:
    """A customer."""
    return User.objects.create_user("ann@example.com", "ann@example.com", PASSWORD)


def try_to_log_in(client: Client, name: str, password: str) -> None:
    client.post(reverse("login"), {"username": name, "password": password})


def test_log_ins_good_and_bad_and_log_outs_are_events(client: Client, ann: User, logged: Logged) -> None:
    """A log-out without a user is none."""
    try_to_log_in(client, "ann@example.com", "wrong")
    try_to_log_in(client, "nobody@example.com", PASSWORD)
    try_to_log_in(client, "ann@example.com", PASSWORD)
    client.post(reverse("logout"))
    client.post(reverse("logout"))

    assert logged() == [
        ("security.log_in_failed", ann.pk),
        ("security.log_in_failed", None),
        ("security.logged_in", ann.pk),
        ("security.logged_out", ann.pk),
    ]


def test_a_new_password_is_an_event_wherever_it_is_set(client: Client, ann: User, logged: Logged) -> None:
    """By a mailed link, and by a command or the admin, which save the user; so is what led to it."""
    client.post(reverse("forgot-password"), {"email": "ann@example.com"})
    [path] = [word for word in Notification.objects.get().text.split() if "/account/" in word]
    form = client.get("/account/" + path.partition("/account/")[2])["Location"]
    client.post(form, {"new_password1": "another sentence", "new_password2": "another sentence"})
    client.post(reverse("end-sessions"))
    ann.refresh_from_db()
    ann.set_password(PASSWORD)
    ann.save()

    assert logged() == [
        (f"security.{event}", ann.pk)
        for event in (
            "password_reset_asked", "password_changed", "logged_in", "password_reset", "sessions_ended",
            "password_changed",
        )
    ]  # fmt: skip


def test_the_first_password_of_an_account_is_no_change(logged: Logged) -> None:
    """Nor is saving the account again."""
    ben = User.objects.create_user("ben@example.com", password=PASSWORD)
    ben.save()

    assert logged() == []


@pytest.mark.parametrize("address", ["/admin/console/", "/admin/billing/payment/", "/reports/"])
def test_each_refused_permission_is_an_event(client: Client, logged: Logged, address: str) -> None:
    """In the console, in the admin and of a report alike."""
    logged_in(client)

    assert client.get(address).status_code == 403
    assert [event for event, _ in logged()][1:] == ["security.permission_refused"]


def test_no_line_has_what_a_person_typed(client: Client, ann: User, caplog: pytest.LogCaptureFixture) -> None:
    """No address, name, password or network."""
    caplog.set_level(logging.INFO, "security")
    for name in ("ann@example.com", "nobody@example.com", "a password in the wrong field"):
        try_to_log_in(client, name, "wrong")
    try_to_log_in(client, "ann@example.com", PASSWORD)

    lines = [JsonLines().format(record) for record in caplog.records if record.name == "security"]
    assert len(lines) == 4
    for typed in ("ann", "nobody", "wrong", "127.0.0.1", PASSWORD):
        assert not [line for line in lines if typed in line], typed


def test_each_event_is_counted() -> None:
    """By its name, so that an alert can tell guesses from log-ins."""
    for event in SecurityEvent:
        before = SECURITY_EVENTS_TOTAL.labels(event)._value.get()
        security_event(event, 7, session=1)
        assert SECURITY_EVENTS_TOTAL.labels(event)._value.get() == before + 1


def test_the_log_level_hides_no_event() -> None:
    """LOG_LEVEL=ERROR is for the noise of the shop."""
    assert configuration("json", "ERROR")["loggers"]["security"]["level"] == "INFO"


NEW_KEY = "k" * 50


def test_changed_keys_are_events(settings: Settings, logged: Logged, caplog: pytest.LogCaptureFixture) -> None:
    """Once each: SECRET_KEY with and without the earlier one, and an account's; never with the key itself."""
    account = {"provider": "sandbox", "url": "http://127.0.0.1:1", "api_key": "one", "callback_secret": "two"}
    settings.PAYMENT_ACCOUNTS, settings.SECRET_KEY_FALLBACKS = {"shop": account}, []
    assert keys.log_changes() == keys.log_changes() == []

    settings.PAYMENT_ACCOUNTS = {"shop": account | {"url": "http://127.0.0.1:2"}}
    assert keys.log_changes() == []
    settings.PAYMENT_ACCOUNTS = {"shop": account | {"api_key": "stolen"}, "new": account}
    assert keys.log_changes() == ["shop"]
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], NEW_KEY
    assert keys.log_changes() == ["SECRET_KEY"]
    settings.PAYMENT_ACCOUNTS = {"shop": account}
    assert keys.log_changes() == ["shop"]
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [], NEW_KEY[::-1] + "x"
    assert keys.log_changes() == ["SECRET_KEY"]
    assert keys.log_changes() == []

    assert [event for event, _ in logged()] == ["security.key_changed"] * 4
    assert "stolen" not in caplog.text
    assert not KeyDigest.objects.filter(digest__contains="stolen").exists()
