"""Controls that Django gives: each test would notice that a setting or another framework had taken one away."""

import math
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import global_settings, settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import (
    CommonPasswordValidator,
    get_default_password_validators,
    validate_password,
)
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path, reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from commerce.models import CartItem
from config import settings as shipped
from config.urls import urlpatterns as real_urls
from tests.shop import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

PASSWORD = "one long sentence"
LEAST_ITERATIONS = 600_000
"""PBKDF2 with SHA-256 (OWASP Password Storage Cheat Sheet)."""

LEAST_BITS = 128
"""Entropy of a session's key (ASVS 5.0.0, 7.2.3)."""

SHORTEST_PASSWORD = 8
"""Characters (ASVS 5.0.0, 6.2.1)."""

COMMON_PASSWORDS = 3_000
"""Common passwords that are refused, of those that are long enough (ASVS 5.0.0, 6.2.4)."""


def _fail(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("of the table billing_payment with the key s3cret-key")


urlpatterns = [*real_urls, path("fails/", _fail)]
"""The shop's addresses and one with a bug."""


@pytest.fixture
def ann() -> User:
    """A customer."""
    return User.objects.create_user("ann@example.com", "ann@example.com", PASSWORD)


def _log_in(client: Client, password: str = PASSWORD) -> str:
    """Through the page; returns the key of the session, empty without one."""
    client.post(reverse("login"), {"username": "ann@example.com", "password": password})
    return client.cookies[settings.SESSION_COOKIE_NAME].value if "_auth_user_id" in client.session else ""


def _with_session(key: str) -> Client:
    """A browser that has only this cookie."""
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    return client


def _is_let_in(key: str) -> bool:
    return _with_session(key).get(reverse("account")).status_code == 200


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_login_begins_a_session_with_another_key(client: Client, ann: User, shop: Shop) -> None:
    """Who planted a key in the customer's browser is not logged in with them (7.2.4)."""
    client.post(reverse("cart-add"), {"product": shop.product("espresso").pk})
    planted = client.cookies[settings.SESSION_COOKIE_NAME].value

    key = _log_in(client)

    assert key not in ("", planted)
    assert (_is_let_in(key), _is_let_in(planted)) == (True, False)


def test_a_cookie_is_worth_nothing_after_logging_out(client: Client, ann: User) -> None:
    """The session ends in the database, not only in the browser (7.4.1)."""
    key = _log_in(client)
    client.post(reverse("logout"))
    assert not _is_let_in(key)


def test_a_page_of_a_session_that_ended_is_not_shown_from_the_browsers_memory(client: Client, ann: User) -> None:
    """The browser keeps no copy for its *back* button (14.3.1)."""
    _log_in(client)
    assert "no-store" in client.get(reverse("account"))["Cache-Control"]


@pytest.mark.parametrize("page", ["catalogue", "cart", "account"])
def test_logging_out_is_at_most_one_click_away(client: Client, ann: User, page: str) -> None:
    """Every page leads to the account, and the account has the button (7.4.4)."""
    _log_in(client)
    html = client.get(reverse(page)).content.decode()
    assert f'href="{reverse("account")}"' in html
    assert f'action="{reverse("logout")}"' in client.get(reverse("account")).content.decode()


@pytest.mark.parametrize(
    "end",
    [
        lambda ann: User.objects.filter(pk=ann.pk).update(is_active=False),
        lambda ann: ann.delete(),
        lambda ann: (ann.set_password("another sentence"), ann.save()),
    ],
    ids=["closed", "deleted", "another password"],
)
def test_an_account_takes_its_sessions_along(client: Client, ann: User, end: Callable[[User], object]) -> None:
    """At once, in every browser (7.4.2, 7.4.3)."""
    key = _log_in(client)
    assert _is_let_in(key)
    end(ann)
    assert not _is_let_in(key)


def test_a_sessions_key_cannot_be_guessed_nor_read_by_a_script(client: Client, ann: User) -> None:
    """It is random, from the system's source (7.2.3), and the browser keeps it from scripts (3.3.4)."""
    key = _log_in(client)
    store = SessionStore()
    store.create()

    assert key != store.session_key
    assert len(key) * math.log2(len(VALID_KEY_CHARS)) >= LEAST_BITS
    assert client.cookies[settings.SESSION_COOKIE_NAME]["httponly"]


def test_a_key_that_a_browser_made_up_is_no_session(ann: User) -> None:
    """Keys come from the server alone (7.2.1)."""
    assert not _is_let_in("a" * 32)


# --- passwords --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["onlysmallletters", "84739284710295", "пароль из слов ☕", "x" * 64 + "q7" * 32])
def test_a_password_may_be_of_any_letters_and_long(client: Client, password: str) -> None:
    """No kind of character is asked for or refused, and 128 of them are taken (6.2.5, 6.2.9)."""
    validate_password(password)
    User.objects.create_user("ann@example.com", password=password)
    assert _log_in(client, password)


@pytest.mark.parametrize(
    "password", ["one long sentence ", "One long sentence", "one long sentenc", " one long sentence"]
)
def test_a_password_is_compared_as_it_was_typed(client: Client, ann: User, password: str) -> None:
    """Neither cut nor trimmed, and capital letters count (6.2.8)."""
    assert not _log_in(client, password)


@pytest.mark.parametrize("password", ["short12", "password123", "football"])
def test_a_short_or_common_password_is_refused(password: str) -> None:
    """Fewer than 8 characters, or known to everyone who guesses (6.2.1, 6.2.4)."""
    with pytest.raises(ValidationError):
        validate_password(password)


def test_enough_common_passwords_are_known() -> None:
    """Of those that are long enough to be chosen."""
    [validator] = [each for each in get_default_password_validators() if isinstance(each, CommonPasswordValidator)]
    assert sum(len(word) >= SHORTEST_PASSWORD for word in validator.passwords) >= COMMON_PASSWORDS


def test_a_password_never_grows_too_old(client: Client, ann: User) -> None:
    """Nothing asks for a new one after some time (6.2.10)."""
    long_ago = timezone.now() - timedelta(days=4_000)
    User.objects.update(date_joined=long_ago, last_login=long_ago)
    assert _log_in(client)


@pytest.mark.parametrize("page", ["login", "sign-up"])
def test_pages_mask_passwords_and_let_managers_fill_them_in(client: Client, page: str) -> None:
    """Nothing forbids to paste, and nothing asks for a hint or a secret question (6.2.6, 6.2.7, 6.4.2)."""
    html = client.get(reverse(page)).content.decode()
    inputs = re.findall(r"<input[^>]*>", html)
    names = {found[1] for each in inputs if (found := re.search(r'name="(\w+)"', each))}
    masked = [each for each in inputs if 'name="password' in each]

    assert all(
        'type="password"' in each and re.search('autocomplete="(current|new)-password"', each) for each in masked
    )
    assert names <= {
        "csrfmiddlewaretoken",
        "next",
        "username",
        "email",
        "first_name",
        "password",
        "password1",
        "password2",
    }
    assert "onpaste" not in html


def test_passwords_are_kept_by_a_slow_hash() -> None:
    """The first of the shipped settings is the one for new passwords; tests use a quick one instead (11.4.2)."""
    first = getattr(shipped, "PASSWORD_HASHERS", global_settings.PASSWORD_HASHERS)[0]
    hasher = import_string(first)()
    assert isinstance(hasher, PBKDF2PasswordHasher)
    assert (hasher.algorithm, hasher.iterations >= LEAST_ITERATIONS) == ("pbkdf2_sha256", True)


def test_staff_change_their_password_with_the_old_one() -> None:
    """And all their other sessions end (6.2.2, 6.2.3, 7.4.3)."""
    sam = User.objects.create_user("sam", password=PASSWORD, is_staff=True)
    here, elsewhere = Client(), Client()
    here.force_login(sam)
    elsewhere.force_login(sam)

    def change(old: str) -> int:
        form = {"old_password": old, "new_password1": "another sentence", "new_password2": "another sentence"}
        return here.post(reverse("admin:password_change"), form).status_code

    assert (change("wrong"), elsewhere.get("/admin/").status_code) == (200, 200)
    assert (change(PASSWORD), here.get("/admin/").status_code, elsewhere.get("/admin/").status_code) == (302, 200, 302)


# --- answers and requests ---------------------------------------------------------------------------------------------

PAGES = ("/", "/cart/", "/account/login/", "/admin/login/", "/nowhere/", "/metrics", "/healthz")


@pytest.mark.parametrize("address", PAGES)
def test_no_answer_is_guessed_at_or_given_to_other_sites(client: Client, address: str) -> None:
    """Its type and character set are said, and no other origin may read it (3.4.2, 3.4.4, 4.1.1)."""
    answer = client.get(address, headers={"Origin": "https://elsewhere.example"})

    assert answer["X-Content-Type-Options"] == "nosniff"
    assert re.fullmatch(r"(text/.+; charset=utf-8.*|application/json)", answer["Content-Type"]), answer["Content-Type"]
    assert not [name for name in answer.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("address", PAGES)
def test_no_answer_repeats_its_request(client: Client, address: str) -> None:
    """The method TRACE shows cookies to scripts (13.4.4)."""
    answer = client.trace(address, headers={"X-Probe": "s3cret-probe"})
    assert answer.status_code in (302, 403, 404, 405)
    assert b"s3cret-probe" not in answer.content


def test_a_value_is_decoded_once(client: Client) -> None:
    """A percent sign that was sent as such stays one (1.1.1)."""
    html = client.get("/?q=%2541%253Cb%253E").content.decode()
    assert "%41%3Cb%3E" in html


def test_the_address_does_not_fill_in_the_form(client: Client, shop: Shop) -> None:
    """What is posted counts, and what stands in the address is not taken for it (15.3.7)."""
    product = shop.product("espresso")
    client.post(f"{reverse('cart-add')}?product={product.pk}&quantity=50", {"product": product.pk, "quantity": 2})
    client.post(f"{reverse('cart-add')}?product={product.pk}")
    assert list(CartItem.objects.values_list("quantity", flat=True)) == [2]


@pytest.mark.urls(__name__)
def test_a_page_that_fails_says_nothing_about_the_error() -> None:
    """Neither its class nor its words, and debugging is no setting (13.4.2, 16.5.1)."""
    answer = Client(raise_request_exception=False).get("/fails/")

    assert answer.status_code == 500
    assert not re.search("RuntimeError|billing_payment|s3cret-key|Traceback", answer.content.decode())
    assert shipped.DEBUG is False


def test_the_state_of_an_order_is_three_words(client: Client, shop: Shop) -> None:
    """Not the row (15.3.1)."""
    order, _payment = shop.order(shop.product("espresso"))
    assert set(client.get(reverse("order-state", args=[order.public_id])).json()) == {"state", "advice", "final"}
