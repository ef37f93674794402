"""The first operator of a shop that runs on somebody's own machine."""

import stat
from pathlib import Path

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.test import Client
from pytest_django import Settings

from actors.runtime import embedded

pytestmark = pytest.mark.sqlite_is_enough


@pytest.fixture(autouse=True)
def var(settings: Settings, tmp_path: Path) -> Path:
    """A directory of its own for the shop's data."""
    settings.VAR_DIR = tmp_path
    return tmp_path


def password_of(login: str) -> str:
    """What stands behind the name."""
    return login.removeprefix(f"{embedded.OPERATOR} / ")


def test_the_operator_may_log_in() -> None:
    """With the name and password that are shown."""
    password = password_of(embedded.operator_login())

    assert len(password) >= 12
    user = authenticate(username=embedded.OPERATOR, password=password)
    assert user is not None
    assert (user.is_staff, user.is_superuser) == (True, True)
    assert Client().login(username=embedded.OPERATOR, password=password)


def test_only_its_owner_can_read_the_password(var: Path) -> None:
    """The file is made unreadable for others before anything stands in it."""
    embedded.operator_login()

    assert stat.S_IMODE((var / "operator-password").stat().st_mode) == 0o600


def test_the_password_stays_the_same() -> None:
    """Starting the shop again shows the same login, and makes no second operator."""
    assert embedded.operator_login() == embedded.operator_login()
    assert get_user_model().objects.count() == 1


def test_a_changed_password_survives_the_next_start() -> None:
    """Who has changed it may have done so because others knew the first one; that one is not shown any more."""
    first = password_of(embedded.operator_login())
    user = get_user_model().objects.get()
    user.set_password("changed by hand")
    user.save()

    shown = embedded.operator_login()

    assert first not in shown
    assert "changepassword operator" in shown
    assert authenticate(username=embedded.OPERATOR, password="changed by hand")
    assert not authenticate(username=embedded.OPERATOR, password=first)


def test_a_password_that_cannot_be_used_stays_so() -> None:
    """An operator who was locked out by hand is not let in by a start."""
    embedded.operator_login()
    get_user_model().objects.update(password="!locked")

    embedded.operator_login()

    assert get_user_model().objects.get().password == "!locked"


def test_two_machines_have_two_passwords(settings: Settings, tmp_path: Path) -> None:
    """Nothing is derived from what others could know."""
    first = embedded.operator_login()
    settings.VAR_DIR = tmp_path / "other"
    settings.VAR_DIR.mkdir()

    assert embedded.operator_login() != first


def test_an_empty_file_is_no_password(var: Path) -> None:
    """A start that was cut off between making the file and writing it must not leave a door open."""
    (var / "operator-password").touch(mode=0o600)

    assert len(password_of(embedded.operator_login())) >= 12
