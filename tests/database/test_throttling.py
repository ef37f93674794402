"""Guessing passwords: it gets slower and slower, for strangers only, and it does not stop the shop."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User
from django.core import signing
from django.db.models import F
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from commerce.accounts import devices, hashing, throttling
from commerce.accounts.throttling import ACCOUNT, Purpose
from commerce.models import Notification, Throttle
from tests.stack.ports import HANG_S
from tests.threads import at_once

PASSWORD = "one long sentence"
ADDRESS = "ann@example.com"

FREE = ACCOUNT[Purpose.LOG_IN].free
GUESSES = 60


@pytest.fixture(autouse=True)
def _first_waits_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine would wait the real ones out between two tries."""
    for name in ("ACCOUNT", "NETWORK"):
        limits = {
            purpose: replace(limit, first_wait=limit.longest_wait)
            for purpose, limit in getattr(throttling, name).items()
        }
        monkeypatch.setattr(throttling, name, limits)


@pytest.fixture
def ann() -> User:
    """A customer."""
    return User.objects.create_user(ADDRESS, ADDRESS, PASSWORD)


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that Django's own backend was asked about: each costs a hash."""
    asked: list[str] = []
    original = User.objects.get_by_natural_key.__func__  # type: ignore[attr-defined]

    def counted(manager: object, name: str) -> User:
        asked.append(name)
        found: User = original(manager, name)
        return found

    monkeypatch.setattr(type(User.objects), "get_by_natural_key", counted)
    return asked


def try_to_log_in(client: Client, password: str, name: str = ADDRESS, page: str = "login") -> int:
    """The status: 302 is a log-in, 200 a wrong password, 429 too early."""
    return client.post(reverse(page), {"username": name, "password": password}).status_code


def from_network(address: str) -> Client:
    """A new browser at this address."""
    return Client(REMOTE_ADDR=address)


def pass_time(much: timedelta) -> None:
    """As if this time had passed since the last tries."""
    Throttle.objects.update(tried_at=F("tried_at") - much, wait_until=F("wait_until") - much)


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize("page", ["login", "admin:login"])
def test_guesses_end_before_the_right_one(client: Client, ann: User, hashes: list[str], page: str) -> None:
    """On both pages, also with the right password at the end; and no password is hashed for a refused try."""
    answers = [try_to_log_in(client, f"wrong {number}", page=page) for number in range(GUESSES)]

    assert answers[:FREE] == [200] * FREE
    assert set(answers[FREE:]) == {429}
    hashed = len(hashes)
    answer = client.post(reverse(page), {"username": ADDRESS, "password": PASSWORD})
    assert answer.status_code == 429
    assert "Please wait" in answer.content.decode()
    assert int(answer["Retry-After"]) > 0
    assert len(hashes) == hashed


@pytest.mark.sqlite_is_enough
def test_the_two_pages_count_together(client: Client) -> None:
    """A person of the staff is guessed on either."""
    User.objects.create_user("sam", password=PASSWORD, is_staff=True)
    for number in range(FREE):
        try_to_log_in(client, "wrong", "sam", ("login", "admin:login")[number % 2])

    assert try_to_log_in(client, PASSWORD, "sam", "admin:login") == 429


@pytest.mark.sqlite_is_enough
def test_an_account_that_does_not_exist_answers_in_the_same_way(ann: User) -> None:
    """The statuses of many guesses say nothing."""
    theirs = [try_to_log_in(Client(), "wrong") for _ in range(FREE + 3)]
    others = [try_to_log_in(Client(), "wrong", "nobody@example.com") for _ in range(FREE + 3)]

    assert theirs == others


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize("name", ["ANN@example.com", " ann@example.com ", "Ann@Example.Com"])
def test_a_name_in_another_spelling_is_the_same_account(ann: User, name: str) -> None:
    """Capital letters give no further tries."""
    for _ in range(FREE):
        try_to_log_in(Client(), "wrong")

    assert try_to_log_in(Client(), PASSWORD, name) == 429
    assert try_to_log_in(Client(), PASSWORD, name, "admin:login") == 429


@pytest.mark.sqlite_is_enough
def test_strangers_do_not_lock_out_the_owners_browser(client: Client, ann: User) -> None:
    """A browser that has logged in before has a counter of its own, and waits for its own wrong passwords only."""
    assert try_to_log_in(client, PASSWORD) == 302
    client.post(reverse("logout"))
    for _ in range(GUESSES):
        try_to_log_in(Client(), "wrong")
        pass_time(timedelta(hours=1))

    assert try_to_log_in(Client(), PASSWORD) == 429
    assert try_to_log_in(client, "a typing error") == 200
    assert try_to_log_in(client, PASSWORD) == 302
    assert try_to_log_in(Client(), PASSWORD) == 429, "the owner's log-in gives strangers no new tries"


@pytest.mark.sqlite_is_enough
def test_a_known_browser_is_known_for_its_own_account(client: Client, ann: User) -> None:
    """A stranger with an account gets no counter for another one, and nor does a forged cookie."""
    User.objects.create_user("eve@example.com", "eve@example.com", PASSWORD)
    assert try_to_log_in(client, PASSWORD, "eve@example.com") == 302
    client.post(reverse("logout"))
    for _ in range(FREE):
        try_to_log_in(client, "wrong")
    assert try_to_log_in(client, "wrong") == 429

    client.cookies["device"] = client.cookies["device"].value[:-1] + "x"
    assert try_to_log_in(client, "wrong") == 429


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize(("secure", "name"), [(True, "__Host-device"), (False, "device")])
def test_the_browsers_cookie_is_for_this_shop_only(
    client: Client, ann: User, settings: Settings, secure: bool, name: str
) -> None:
    """No script reads it, no other site sends it, and the account's name does not stand in it."""
    settings.SESSION_COOKIE_SECURE = secure
    try_to_log_in(client, PASSWORD)

    cookie = client.cookies[name]
    assert (cookie["httponly"], cookie["samesite"], bool(cookie["secure"]), cookie["path"]) == (
        True,
        "Strict",
        secure,
        "/",
    )
    assert not cookie["domain"]
    assert ADDRESS not in str(signing.loads(cookie.value, salt=devices.SALT))


@pytest.mark.sqlite_is_enough
def test_a_known_browser_guesses_no_longer_than_others(client: Client, ann: User) -> None:
    """A stolen one, for example."""
    try_to_log_in(client, PASSWORD)
    client.post(reverse("logout"))
    answers = [try_to_log_in(client, "wrong") for _ in range(FREE + 1)]

    assert answers == [200] * FREE + [429]


@pytest.mark.sqlite_is_enough
def test_the_wait_ends_and_grows(client: Client, ann: User) -> None:
    """Patient guesses reach the limit of an account in the end, and then only a new password opens it."""
    limit = ACCOUNT[Purpose.LOG_IN]
    hashed = 0
    for _ in range(2 * GUESSES):
        hashed += try_to_log_in(client, "wrong") == 200
        pass_time(limit.longest_wait)

    assert hashed == limit.most
    assert try_to_log_in(client, PASSWORD) == 429
    client.post(reverse("forgot-password"), {"email": ADDRESS})
    link = Notification.objects.get().text.split("http")[1].split()[0]
    form = client.get(f"/account{link.split('/account')[1]}")["Location"]
    client.post(form, {"new_password1": "another sentence", "new_password2": "another sentence"})
    assert try_to_log_in(Client(), "another sentence") == 302


@pytest.mark.sqlite_is_enough
def test_a_colleague_opens_the_account_of_a_person_of_the_staff() -> None:
    """With a new password, by the admin or by `manage.py changepassword`: staff get no link by mail."""
    sam = User.objects.create_user("sam", password=PASSWORD, is_staff=True)
    for _ in range(FREE + 1):
        closed = try_to_log_in(Client(), "wrong", "sam", "admin:login")
    assert closed == 429

    sam.set_password("another sentence")
    sam.save()

    assert try_to_log_in(Client(), "another sentence", "sam", "admin:login") == 302


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize(
    ("addresses", "count_together"),
    [
        (["9.9.9.9"], True),
        ([f"9.9.9.{number}" for number in range(60)], False),
        ([f"2620:fe::{number:x}" for number in range(1, 61)], True),
        ([f"2620:fe:0:{number:x}::1" for number in range(1, 61)], False),
        (["127.0.0.1"], False),
        (["10.0.0.1"], False),
    ],
    ids=["one IPv4", "many IPv4", "one /64", "many /64", "loopback", "private"],
)
def test_a_network_guesses_at_many_accounts(addresses: list[str], count_together: bool) -> None:
    """One address of IPv4, or a /64 of IPv6. An address that is not the internet's may be a proxy for all customers."""
    clients = [from_network(address) for address in addresses]
    answers = [
        try_to_log_in(clients[number % len(clients)], "wrong", f"{number}@example.com") for number in range(GUESSES)
    ]

    assert (429 in answers) == count_together


@pytest.mark.sqlite_is_enough
def test_log_ins_of_a_large_office_do_not_count() -> None:
    """Only what fails counts against a network."""
    for number in range(40):
        User.objects.create_user(f"{number}@example.com", password=PASSWORD)

    answers = {try_to_log_in(from_network("9.9.9.9"), PASSWORD, f"{number}@example.com") for number in range(40)}

    assert answers == {302}


@pytest.mark.sqlite_is_enough
def test_a_row_names_no_person(ann: User) -> None:
    """Neither the account nor the network can be read from it."""
    try_to_log_in(from_network("9.9.9.9"), "wrong")

    rows = list(Throttle.objects.values())
    assert len(rows) == 2
    assert not any(word in str(rows) for word in ("ann", "example", "9.9.9"))


def test_parallel_guesses_do_not_pass_the_limit(ann: User, hashes: list[str]) -> None:
    """A try counts before its password is checked."""
    answers = at_once(*[lambda: try_to_log_in(Client(), "wrong") for _ in range(30)])

    assert sorted(answers) == [200] * FREE + [429] * (30 - FREE)
    assert len(hashes) == FREE


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize("page", ["sign-up", "forgot-password"])
def test_a_mailbox_is_not_filled(ann: User, page: str) -> None:
    """By both pages together, from any number of browsers."""
    answers = [Client().post(reverse(page), {"email": ADDRESS}).status_code for _ in range(20)]

    assert answers == [302] * 3 + [429] * 17
    assert Client().post(reverse("sign-up"), {"email": ADDRESS}).status_code == 429
    assert Notification.objects.count() == 3


@pytest.mark.sqlite_is_enough
def test_a_network_does_not_mail_the_world() -> None:
    """Each to another address."""
    client = from_network("2620:fe::1")
    answers = [client.post(reverse("sign-up"), {"email": f"{n}@example.com"}).status_code for n in range(60)]

    assert answers.count(302) == Notification.objects.count() == throttling.NETWORK[Purpose.MAIL].free


# --- hashes ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def running(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], threading.Event]:
    """How many hashes ran at the start of each, and the event that lets them end."""
    settings.PASSWORD_HASHERS = ["commerce.accounts.hashing.BoundedHasher"]
    now, seen, may_end = [0], [], threading.Event()
    original = PBKDF2PasswordHasher.encode

    def counted(self: PBKDF2PasswordHasher, password: str, salt: str, iterations: int | None = None) -> str:
        now[0] += 1
        seen.append(now[0])
        may_end.wait(HANG_S)
        now[0] -= 1
        return original(self, password, salt, 1)

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", counted)
    return seen, may_end


def refused_then_released(
    running: tuple[list[int], threading.Event], work: Callable[[], object], count: int
) -> Callable[[], object]:
    """The work; the last one that is refused lets the others end."""
    refusals = threading.Semaphore(0)

    def run() -> object:
        found = work()
        if found == "refused":
            refusals.release()
            if refusals._value == count:
                running[1].set()
        return found

    return run


def test_a_process_hashes_few_passwords_at_once(running: tuple[list[int], threading.Event]) -> None:
    """Some wait; the others are refused at once, without a hash."""
    places = hashing.AT_ONCE + hashing.WAITING

    def hash_one() -> str:
        try:
            return make_password(PASSWORD)
        except hashing.Busy:
            return "refused"

    work = refused_then_released(running, hash_one, 12 - places)
    answers = at_once(*[work] * 12)

    assert answers.count("refused") == 12 - places
    assert len(running[0]) == places
    assert max(running[0]) == hashing.AT_ONCE


def test_a_try_that_was_not_hashed_does_not_count(running: tuple[list[int], threading.Event]) -> None:
    """It is "please wait" for a moment, on the page as everywhere."""
    names = [f"{number}@example.com" for number in range(8)]
    places = hashing.AT_ONCE + hashing.WAITING

    def attempt(name: str) -> str:
        return "refused" if try_to_log_in(Client(), "wrong", name) == 429 else "hashed"

    works = refused_then_released(running, lambda: attempt(names.pop()), 8 - places)
    answers = at_once(*[works] * 8)

    assert answers.count("refused") == 8 - places
    assert Throttle.objects.filter(tries=1).count() == places
    assert Throttle.objects.filter(tries=0).count() == 8 - places


@pytest.mark.sqlite_is_enough
def test_hashes_of_before_are_still_valid(settings: Settings) -> None:
    """The bound changes no hash."""
    old = PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1000)
    settings.PASSWORD_HASHERS = ["commerce.accounts.hashing.BoundedHasher"]
    user = User.objects.create(username="old", password=old)

    assert user.check_password(PASSWORD)
    assert not user.check_password("wrong")
