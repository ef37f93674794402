"""Passwords and sessions of customers: changed, set anew by mail, listed and ended."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from commerce.accounts import pruning
from commerce.accounts.throttling import ACCOUNT, KEPT, Purpose
from commerce.models import LogIn, Notification, Throttle
from config.due.queue import database_now

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

PASSWORD, OTHER = "one long sentence", "another long sentence"
ADDRESS = "ann@example.com"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0"

Open = Callable[..., Client]


@pytest.fixture
def ann() -> User:
    """A customer."""
    return User.objects.create_user(ADDRESS, ADDRESS, PASSWORD)


@pytest.fixture
def browser(ann: User) -> Open:
    """Opens a browser in which Ann is logged in."""

    def opened(agent: str = FIREFOX, name: str = ADDRESS) -> Client:
        client = Client(headers={"user-agent": agent})
        answer = client.post(reverse("login"), {"username": name, "password": PASSWORD})
        assert answer.status_code == 302
        return client

    return opened


def is_logged_in(client: Client) -> bool:
    return client.get(reverse("account")).status_code == 200


def change(client: Client, old: str, new: str = OTHER) -> int:
    """302: changed."""
    given = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post(reverse("change-password"), given).status_code


def mailed_link() -> str:
    """The path of the newest one."""
    text = Notification.objects.order_by("-pk")[0].text
    return next(f"/account/{word.partition('/account/')[2]}" for word in text.split() if "/account/" in word)


def set_by(link: str, client: Client | None = None, new: str = OTHER) -> int:
    """Follow a link and set a new password; 302: set."""
    client = client or Client()
    form = client.get(link)
    if form.status_code != 302:
        return 0
    return client.post(form["Location"], {"new_password1": new, "new_password2": new}).status_code


# --- passwords -------------------------------------------------------------------------------------------------------


def test_a_new_password_ends_the_other_sessions(ann: User, browser: Open) -> None:
    """This browser stays; the others are gone, from the list too."""
    here, elsewhere = browser(), browser()

    assert change(here, PASSWORD) == 302

    assert is_logged_in(here)
    assert not is_logged_in(elsewhere)
    assert LogIn.objects.get().session_id == here.session.session_key
    ann.refresh_from_db()
    assert ann.check_password(OTHER)


@pytest.mark.parametrize(
    ("old", "new"), [("wrong", OTHER), (PASSWORD, "short"), (PASSWORD, "password1"), (PASSWORD, "till-coffee-2026")]
)
def test_a_password_is_changed_with_the_old_one_for_a_good_one(ann: User, browser: Open, old: str, new: str) -> None:
    """Else it stays."""
    client = browser()

    assert change(client, old, new) == 200
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)


def test_the_old_password_cannot_be_guessed_in_a_stolen_session(ann: User, browser: Open) -> None:
    """A guess counts as at the log-in."""
    client = browser()
    Throttle.objects.all().delete()
    for _ in range(ACCOUNT[Purpose.LOG_IN].free):
        assert change(client, "wrong") == 200
    Throttle.objects.update(wait_until=database_now() + timedelta(hours=1))

    assert change(client, PASSWORD) == 429


def test_a_forgotten_password_is_set_by_mail(ann: User, browser: Open) -> None:
    """The link logs in and ends all sessions; it works once."""
    elsewhere, client = browser(), Client()
    client.post(reverse("forgot-password"), {"email": "Ann@Example.com"})
    link = mailed_link()

    assert set_by(link, client) == 302

    assert is_logged_in(client)
    assert not is_logged_in(elsewhere)
    assert LogIn.objects.count() == 1
    assert set_by(link) == 0
    assert "too old" in Client().get(link).content.decode()
    ann.refresh_from_db()
    assert ann.check_password(OTHER)


def test_a_link_is_valid_for_an_hour(ann: User, settings: Settings) -> None:
    """And it says so."""
    assert settings.PASSWORD_RESET_TIMEOUT == 3600
    Client().post(reverse("forgot-password"), {"email": ADDRESS})
    assert "within one hour" in Notification.objects.get().text
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert set_by(mailed_link()) == 0
    settings.PASSWORD_RESET_TIMEOUT = 3600
    assert set_by(mailed_link()) == 302


def test_staff_set_no_password_by_mail(ann: User) -> None:
    """Neither by a new link, nor by one from before they were staff: it would be a way around a second factor."""
    Client().post(reverse("forgot-password"), {"email": ADDRESS})
    link = mailed_link()
    User.objects.update(is_staff=True)

    assert set_by(link) == 0
    Client().post(reverse("forgot-password"), {"email": ADDRESS})
    assert "/account/" not in Notification.objects.order_by("-pk")[0].text


# --- sessions --------------------------------------------------------------------------------------------------------


def test_the_list_shows_each_browser(browser: Open, ann: User) -> None:
    """Its family, and not what it says of itself; and which one it is that asks."""
    here = browser()
    browser(EDGE)
    browser("curl/8.0")

    page = here.get(reverse("sessions")).content.decode()

    assert [page.count(f"<strong>{family}</strong>") for family in ("Firefox", "Edge", "Another browser")] == [1, 1, 1]
    assert page.count("this one") == 1
    assert "curl" not in page


def test_all_others_are_ended_for_real(browser: Open) -> None:
    """Their sessions are deleted; the one that asks stays, and so do those of other customers."""
    User.objects.create_user("bob@example.com", password=PASSWORD)
    here, elsewhere, bob = browser(), browser(), browser(name="bob@example.com")

    here.post(reverse("end-sessions"))

    assert is_logged_in(here)
    assert not is_logged_in(elsewhere)
    assert is_logged_in(bob)
    assert Session.objects.filter(pk=elsewhere.cookies["sessionid"].value).count() == 0


def test_logging_out_takes_a_browser_off_the_list(browser: Open) -> None:
    """With its session."""
    browser().post(reverse("logout"))

    assert not LogIn.objects.exists()


def test_a_session_from_before_the_list_joins_it(browser: Open) -> None:
    """With the first page on each day, and with no further write on that day."""
    client = browser()
    LogIn.objects.all().delete()
    session = client.session
    del session["noted"]
    session.save()

    client.get("/")
    assert LogIn.objects.get().seen_on == timezone.localdate()
    yesterday = timezone.localdate() - timedelta(days=1)
    LogIn.objects.update(seen_on=yesterday)
    client.get("/")
    assert LogIn.objects.get().seen_on == yesterday
    session = client.session
    session["noted"][0] = yesterday.isoformat()
    session.save()
    client.get("/")
    assert LogIn.objects.get().seen_on == timezone.localdate()


def test_a_guest_has_no_row_and_no_session(client: Client) -> None:
    """A page that reads no session gets none."""
    assert "sessionid" not in client.get("/").cookies
    assert not LogIn.objects.exists()


def test_what_is_over_is_deleted_at_night(browser: Open, ann: User) -> None:
    """Expired sessions, rows without a session, forgotten tries; the rest stays."""
    here, over, lost = browser(), browser(), browser()
    Session.objects.filter(pk=over.session.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    Session.objects.filter(pk=lost.session.session_key)._raw_delete("default")
    for key, age in (("old", KEPT + timedelta(days=1)), ("young", timedelta(days=1))):
        Throttle.objects.create(key=key, tried_at=database_now() - age, wait_until=database_now())

    assert pruning.prune_accounts(60) is False

    assert [row.session_id for row in LogIn.objects.all()] == [here.session.session_key]
    assert Session.objects.count() == 1
    assert list(Throttle.objects.values_list("key", flat=True)) == ["young"]


def test_many_rows_are_deleted_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is out of time says that there is more."""
    monkeypatch.setattr(pruning, "BATCH_ROWS", 2)
    past = timezone.now() - timedelta(days=1)
    Session.objects.bulk_create(Session(session_key=f"s{n}", session_data="", expire_date=past) for n in range(5))

    assert pruning.prune_accounts(0) is True
    assert Session.objects.count() == 3
    assert pruning.prune_accounts(60) is False
    assert not Session.objects.exists()


@pytest.mark.parametrize("written", [True, False])
def test_a_page_writes_the_row_of_its_browser_in_one_statement(browser: Open, written: bool) -> None:
    """So the row that another page of this browser writes, or deletes with its session, cannot come between two."""
    opened = browser()
    session = opened.session
    del session["noted"]
    session.save()
    if not written:
        LogIn.objects.all().delete()
    with CaptureQueriesContext(connection) as page:
        opened.get(reverse("account"))
    assert len([query for query in page.captured_queries if '"commerce_login"' in query["sql"]]) == 1
    assert LogIn.objects.get().pk == session.session_key
