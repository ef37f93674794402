"""Requests that no browser sends: 400, one line, one count; no error of ours, and no checkout that failed."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import DisallowedRedirect
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from config.errors.report import error_in
from config.metrics.registry import REGISTRY
from config.web.malformed import RefuseMalformed
from config.wsgi import application

pytestmark = pytest.mark.django_db

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
TOKEN = "csrftoken=" + "a" * 32
PAGES = ("/", "/cart/", "/checkout/", "/nothing", "/admin/login/", "/admin/nothing/", "/account/login/")
FORMS = ("/cart/add/", "/checkout/", "/account/login/", "/admin/login/", "/language/setlang/", "/nothing", "/%00")
CONTROLS = ("\\000", "\\012", "\\033", "\\177", "\\200", "\\377")


class Wire(RequestFactory):
    """Asks the application that the servers run; Django's own client makes the request in another way."""

    def request(self, **environment: Any) -> Any:
        made: dict[str, Any] = self._base_environ(**environment)  # type: ignore[attr-defined]
        return application.get_response(application.request_class(made))


class Refusals:
    """What a test's requests left behind: answers, log lines and counts."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.wire, self.caplog = Wire(), caplog

    def get(self, path: str, **environment: Any) -> Any:
        return self.wire.generic("GET", path, **environment)

    def post(self, path: str, body: bytes, content_type: str = URLENCODED, **environment: Any) -> Any:
        return self.wire.generic("POST", path, body, content_type=content_type, HTTP_COOKIE=TOKEN, **environment)

    def is_refused(self, answer: Any, reason: str, status: int = 400) -> None:
        """The shop's page, one line without a traceback, and one count; no error and no checkout."""
        assert (answer.status_code, self.counted(reason=reason)) == (status, 1 + self.counts[reason])
        assert 'class="bare"' in answer.content.decode()
        [line] = self.caplog.records
        assert (line.getMessage(), vars(line)["reason"], line.exc_info) == ("request.refused", reason, None)
        assert error_in(line) is None
        assert _checkouts() == self.checkouts
        self.begin()

    def begin(self) -> None:
        """Forget the log, and note the counts."""
        self.caplog.clear()
        reasons = ("host", "length", "cookie", "charset", "null_character", "form", "too_large", "suspicious")
        self.counts = {reason: self.counted(reason=reason) for reason in reasons}
        self.checkouts = _checkouts()

    @staticmethod
    def counted(**labels: str) -> float:
        return REGISTRY.get_sample_value("tillkeeper_refused_requests_total", labels) or 0


def _checkouts() -> dict[str, float | None]:
    name = "tillkeeper_checkout_seconds_count"
    return {word: REGISTRY.get_sample_value(name, {"outcome": word}) for word in ("error", "refused", "placed")}


@pytest.fixture
def refusals(caplog: pytest.LogCaptureFixture) -> Iterator[Refusals]:
    """A stranger, and what the shop wrote about their requests."""
    with caplog.at_level(logging.INFO):
        noted = Refusals(caplog)
        noted.begin()
        yield noted


@pytest.mark.parametrize("cookie", ["sessionid", "csrftoken", "django_language", "messages"])
@pytest.mark.parametrize("path", PAGES)
def test_a_cookie_that_cannot_be_read_is_refused_and_deleted(refusals: Refusals, path: str, cookie: str) -> None:
    """On every page, those of errors included. The browser is not shut out: its next request goes without it."""
    for control in CONTROLS:
        answer = refusals.get(path, HTTP_COOKIE=f'{cookie}="{control}aaaaaaaaaaaa"')

        refusals.is_refused(answer, "cookie")
        assert answer.cookies[cookie]["max-age"] == 0


def test_a_cookie_of_others_is_not_read(refusals: Refusals) -> None:
    """A neighbour's strange cookie is no reason to refuse."""
    assert refusals.get("/", HTTP_COOKIE='theirs="\\000\\377"').status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "a b", "[::1", "testserver:x", "127.0.0.1@evil.example", "", "\xff"])
@pytest.mark.parametrize("path", [*PAGES, "/healthz", "/static/commerce/shop.css"])
def test_a_forged_host_is_one_line(refusals: Refusals, path: str, host: str) -> None:
    """Not two kilobytes of traceback, and no mail."""
    refusals.is_refused(refusals.get(path, HTTP_HOST=host), "host")


@pytest.mark.parametrize("charset", ["idna", "utf-7", "utf-16", "undefined", "rot13", "hex", "nothing", "x" * 20_000])
@pytest.mark.parametrize("path", ["/", "/checkout/", "/account/login/", "/admin/login/", "/nothing", "/☕٣/"])
def test_only_utf_8_is_read(refusals: Refusals, path: str, charset: str) -> None:
    """Some of Python's codecs raise whatever the error handler, wherever the query or the form is first read."""
    of_a_query = refusals.wire.generic("GET", path, b"x", f"text/plain; charset={charset}", QUERY_STRING="q=%ff")
    refusals.is_refused(of_a_query, "charset")
    for kind in (URLENCODED, MULTIPART):
        body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--x--\r\n'
        refusals.is_refused(refusals.post(path, body, f"{kind}; charset={charset}"), "charset")


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8", '"utf-8"'])
def test_utf_8_may_have_any_of_its_names(refusals: Refusals, charset: str) -> None:
    """And a query with broken UTF-8 is shown with a replacement character."""
    page: Any = refusals.wire.generic("GET", "/", b"x", f"text/plain; charset={charset}", QUERY_STRING="q=%ff")
    form = refusals.post("/language/setlang/", b"language=ru", f"{URLENCODED}; charset={charset}")

    assert (page.status_code, form.status_code) == (200, 403)  # for want of a token


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"--y\r\n", "multipart/form-data", "form"),
        (b"--y\r\n", "multipart/form-data; boundary=\xff", "form"),
        (b"--y\r\n", "multipart/form-data; boundary=" + "x" * 300, "form"),
        (b"", MULTIPART, None),
        (b"--x\r\nrubbish", MULTIPART, None),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb', MULTIPART, None),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\0\r\n--x--\r\n', MULTIPART, "null_character"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.txt"\r\n\r\nb\r\n' * 101,
            MULTIPART,
            "too_large",
        ),
        (b"--x\r\nContent-Disposition: form-data; name*=hex''%ff\r\n\r\nb\r\n--x--\r\n", MULTIPART, None),
        (b"--x\r\nContent-Disposition: form-data; name*=idna''%ff\r\n\r\nb\r\n--x--\r\n", MULTIPART, None),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: a; charset=hex\r\n\r\nb\r\n--x--',
            MULTIPART,
            None,
        ),
        (b"a=1&" * 1_001, URLENCODED, "too_large"),
        (b"a=%00", URLENCODED, "null_character"),
        (b"%00=a", URLENCODED, "null_character"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(
    refusals: Refusals, path: str, body: bytes, content_type: str | bytes, reason: str | None
) -> None:
    """Broken, endless or truncated; what can be read in part is an incomplete form, refused for want of a token."""
    answer = refusals.post(path, body, str(content_type))

    if reason:
        refusals.is_refused(answer, reason)
    else:
        assert answer.status_code in (403, 404)
        assert not [line for line in refusals.caplog.records if line.exc_info]


@pytest.mark.parametrize("path", FORMS)
def test_a_form_above_the_limit_is_too_large(refusals: Refusals, path: str) -> None:
    """413, as nginx would say."""
    refusals.is_refused(refusals.post(path, b"a=" + b"1" * 3_000_000), "too_large", 413)


@pytest.mark.parametrize("length", ["abc", "-5", "1.5", "1e3", "٣", "+1", " "])
def test_a_length_that_is_no_number_is_refused(refusals: Refusals, length: str) -> None:
    """gunicorn refuses most of them; another server may not."""
    refusals.is_refused(refusals.post("/account/login/", b"a=1", CONTENT_LENGTH=length), "length")


@pytest.mark.parametrize("query", ["page=%00", "q=a%00b", "%00", "next=%00", "&".join(["a=1"] * 1_001)])
@pytest.mark.parametrize("path", ["/", "/account/login/", "/admin/login/", "/admin/console/", "/reports.csv"])
def test_a_query_that_no_database_takes_is_refused(refusals: Refusals, path: str, query: str) -> None:
    """One answer before all views, so that no view needs an answer of its own."""
    reason = "too_large" if "a=1" in query else "null_character"
    refusals.is_refused(refusals.get(path, QUERY_STRING=query), reason)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_refusal_is_in_the_readers_language(refusals: Refusals, language: str) -> None:
    """The page is made before the middleware for languages runs; another visitor's language must not remain."""
    answer = refusals.get("/", HTTP_HOST="evil.example", HTTP_ACCEPT_LANGUAGE=language)

    assert f'<html lang="{language}">' in answer.content.decode()


def test_what_a_page_finds_suspicious_is_refused_as_well(refusals: Refusals, boss: Client) -> None:
    """As a popup of the admin that names a field which is not its own."""
    boss.get("/")
    refusals.begin()

    for field in ("password", "nothing"):
        answer = boss.get(reverse("admin:auth_user_changelist"), {"_to_field": field})
        refusals.is_refused(answer, "suspicious")
    row = reverse("admin:auth_user_change", args=[User.objects.get().pk])
    refusals.is_refused(boss.get(row, {"_to_field": ""}), "suspicious")


def test_a_key_that_its_model_cannot_have_is_refused(refusals: Refusals, boss: Client) -> None:
    """The admin's shortcut to the page of a row takes any model, also one whose keys are UUIDs."""
    boss.get("/")
    kind = ContentType.objects.get_by_natural_key("django_dramatiq", "task")
    refusals.begin()

    refusals.is_refused(boss.get(reverse("admin:view_on_site", args=[kind.pk, "1"])), "suspicious")


def test_an_address_of_a_provider_that_is_refused_is_our_matter() -> None:
    """It stays an error that is reported: no stranger sent it."""
    middleware = RefuseMalformed(lambda request: HttpResponse())

    assert middleware.process_exception(RequestFactory().get("/"), DisallowedRedirect("javascript:")) is None


def test_a_callback_is_read_in_any_charset(refusals: Refusals) -> None:
    """Its body is bytes, and a provider that announces another charset must not lose it."""
    for content_type in ("application/json; charset=windows-1251", f"{URLENCODED}; charset=hex", MULTIPART):
        answer = refusals.post("/callbacks/nobody/", b"a=%00", content_type)

        assert (answer.status_code, answer.content) == (404, b"No such account.")
