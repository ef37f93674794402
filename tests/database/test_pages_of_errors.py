"""The page for an unexpected error, wherever it happens: in its reader's language and frame, or as JSON."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.test import Client
from pytest_django import Settings

from config.settings import MIDDLEWARE
from tests.shop import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

AGAIN = {"en": "Please try again in a moment", "ru": "Попробуйте ещё раз чуть позже"}
STAFFS_FRAME, SHOPS_FRAME = 'id="branding"', 'class="bare"'
FRAMES = {
    "/": SHOPS_FRAME,
    "/nothing": SHOPS_FRAME,
    "/orders/word/": SHOPS_FRAME,
    "/account/login/": SHOPS_FRAME,
    "/admin/": STAFFS_FRAME,
    "/admin/login/": STAFFS_FRAME,
    "/admin/console/": STAFFS_FRAME,
}


class FailsBefore:
    """A middleware that fails at once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        raise RuntimeError("s3cret")


class FailsAfter(FailsBefore):
    """A middleware that fails with the answer in its hand."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.get_response(request)
        raise RuntimeError("s3cret")


def failing_context(request: HttpRequest) -> dict[str, Any]:
    """A context processor: it fails in the template of every page, of the one for 404 too."""
    raise RuntimeError("s3cret")


def fails(*_args: Any, **_options: Any) -> Any:
    """Instead of a part of Django."""
    raise RuntimeError("s3cret")


@pytest.mark.parametrize("place", range(len(MIDDLEWARE) + 1))
@pytest.mark.parametrize("kind", [FailsBefore, FailsAfter])
def test_a_middleware_may_fail_anywhere(settings: Settings, kind: type, place: int) -> None:
    """The first reader's language is not the second one's, though one thread served both."""
    settings.MIDDLEWARE = [*MIDDLEWARE[:place], f"{__name__}.{kind.__name__}", *MIDDLEWARE[place:]]
    for path in FRAMES:
        check(path, "ru")
        check(path, "en")


def test_a_template_may_fail(settings: Settings) -> None:
    """Its context, which every page asks for."""
    [engine] = settings.TEMPLATES
    options = engine["OPTIONS"]
    more = [*options["context_processors"], f"{__name__}.failing_context"]
    settings.TEMPLATES = [engine | {"OPTIONS": options | {"context_processors": more}}]
    for path in ("/", "/nothing", "/account/login/", "/admin/login/"):
        check(path, "ru")


def test_the_session_may_fail_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page that asks who reads it."""
    browser = Client()
    browser.cookies["sessionid"] = "a" * 32
    monkeypatch.setattr(SessionStore, "load", fails)
    for path in ("/", "/account/login/", "/admin/", "/admin/console/"):
        check(path, "ru", browser)


def test_the_session_may_fail_while_it_is_stored(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
    """The view has answered already."""
    browser, product = Client(raise_request_exception=False), shop.product()
    monkeypatch.setattr(SessionStore, "save", fails)
    answer = browser.post("/cart/add/", {"product": product.pk}, headers={"accept-language": "ru"})
    assert (answer.status_code, AGAIN["ru"] in answer.content.decode()) == (500, True)


def test_the_check_of_a_form_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the view, for every page."""
    monkeypatch.setattr(CsrfViewMiddleware, "process_view", fails)
    for path in FRAMES.keys() - {"/nothing"}:
        check(path, "ru")


@pytest.mark.parametrize("asks", [{"path": "/orders/word/state.json"}, {"path": "/admin/console/?as=json"}])
def test_a_program_gets_json(settings: Settings, asks: dict[str, str]) -> None:
    """By the address, or because it accepts nothing else."""
    settings.MIDDLEWARE = [*MIDDLEWARE, f"{__name__}.FailsBefore"]
    for path, accept in ((asks["path"], "*/*"), ("/", "application/json")):
        answer = Client(raise_request_exception=False).get(path, headers={"accept": accept, "accept-language": "ru"})
        assert (answer.status_code, answer["Content-Type"]) == (500, "application/json")
        assert AGAIN["ru"] in answer.json()["error"]


def test_the_page_asks_the_database_nothing_more() -> None:
    """Not even for the session of a reader who is logged in."""
    asked: list[str] = []

    def away(_execute: object, sql: str, *_more: object) -> object:
        asked.append(sql)
        raise OperationalError("the server is away")

    browser = Client(raise_request_exception=False)
    browser.cookies["sessionid"] = "a" * 32
    for path in ("/", "/account/", "/orders/word/", "/admin/", "/admin/console/"):
        asked.clear()
        with connection.execute_wrapper(away):
            answer = browser.get(path)
        assert (answer.status_code, answer["Retry-After"]) == (503, "10")
        assert len(asked) == 1, asked


def check(path: str, language: str, browser: Client | None = None) -> None:
    """500, the frame, the language, the policy, and not a word of the error."""
    browser = browser or Client()
    browser.raise_request_exception = False
    answer = browser.get(path, headers={"accept-language": language})
    html = answer.content.decode()
    assert (answer.status_code, AGAIN[language] in html, FRAMES[path] in html) == (500, True, True), path
    assert re.search(f'<html lang="{language}"', html)
    assert "Till Coffee" in html
    assert "s3cret" not in html
