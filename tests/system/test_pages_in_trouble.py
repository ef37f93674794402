"""Every page while the database is in trouble: 503, "try again" in the shop's clothes, and no more."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
import requests

from tests.fuzz.targets import Target, targets
from tests.stack.ports import HANG_S, wait_until
from tests.system.house import APP, START_S, House, csrf_token, http

AGAIN = {"en": "Please try again in a moment", "ru": "Попробуйте ещё раз чуть позже"}
STAFFS_FRAME, SHOPS_FRAME = 'id="branding"', 'class="bare"'

FOR_MACHINES = ("/healthz", "/readyz", "/metrics", "/static/")
"""Monitoring has answers of its own."""

SAMPLES = {
    "Day": "2026-03-29",
    "IntConverter": "1",
    "MailFile": "20261130T120000000000-0123abcd",
    "Signed": "a:b:c",
}
"""By the class of the converter: a value that its pattern takes. All others take a word."""

AT_ONCE = 6

PUBLIC_READS = ("/", "/products/word/", "/orders/word/", "/orders/word/state.json")
"""Some that read the database for anybody."""

WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"

TROUBLES = ("53100", "53200", "53300", "57014", "57P01", "58030", "40P01", "55P03", "25006")
"""SQLSTATEs of appendix A of PostgreSQL's documentation: disk full, out of memory, too many connections, canceled,
shut down, input or output failed, deadlock, lock not available, read-only."""

OF_OURS = ("22012", "42P01", "23514")
"""Division by zero, unknown table, check violated: no second try helps."""

FAIL = """
    CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'a test' USING ERRCODE = '{code}'; END $$;
    CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON commerce_cartitem EXECUTE FUNCTION fail()
"""

END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"


def test_every_page_without_a_database_says_try_again(house: House) -> None:
    """Strangers and staff read it in their language, in the frame of the shop or of the admin."""
    house.run("web")
    staff = house.signed_in()
    for away in (_stopped, _refusing):
        with away(house):
            for language in AGAIN:
                for browser in (http(), staff):
                    _check_all(house, browser, language)
        wait_until(lambda: house.page("/").ok, "the shop was back", START_S)


def test_a_database_that_goes_in_the_middle_of_a_request_is_a_503(house: House) -> None:
    """Its statement waits for a lock while the server ends its session."""
    house.run("web")
    assert house.page("/").ok
    with ThreadPoolExecutor(1) as aside, _locked(house, "commerce_product"):
        answer = aside.submit(house.page, "/")
        wait_until(lambda: house.sql(WAITING), "the page waited", START_S)
        house.sql(END_SESSIONS, APP)
        _assert_says_again(answer.result(HANG_S), "en")
    assert house.page("/").ok


@pytest.mark.parametrize("code", TROUBLES)
def test_what_passes_by_itself_is_a_503(house: House, code: str) -> None:
    """Whatever PostgreSQL calls it. The next try succeeds."""
    house.run("web")
    with _failing(house, code):
        _assert_says_again(_add_to_cart(house), "en")
    assert _add_to_cart(house).ok


@pytest.mark.parametrize("code", OF_OURS)
def test_an_error_of_ours_is_a_500(house: House, code: str) -> None:
    """In the same clothes, and without a promise when to come back."""
    house.run("web")
    with _failing(house, code):
        answer = _add_to_cart(house)
    assert (answer.status_code, "Retry-After" in answer.headers) == (500, False)
    assert AGAIN["en"] in answer.text
    assert SHOPS_FRAME in answer.text


def _check_all(house: House, browser: requests.Session, language: str) -> None:
    paths = [path for target in targets() if not (path := _path(target)).startswith(FOR_MACHINES)]
    headers = {"Accept-Language": language, "Cookie": "; ".join(f"{k}={v}" for k, v in browser.cookies.items())}

    def ask(path: str) -> requests.Response:
        with http() as client:
            return client.get(house.url + path, headers=headers, timeout=HANG_S, allow_redirects=False)

    with ThreadPoolExecutor(AT_ONCE) as browsers:
        answers = list(browsers.map(ask, paths))
    for answer in answers:
        if answer.status_code >= 500:
            _assert_says_again(answer, language)
    assert sum(answer.status_code == 503 for answer in answers) > len(PUBLIC_READS)
    for path in PUBLIC_READS:
        assert answers[paths.index(path)].status_code == 503, path


def _assert_says_again(answer: requests.Response, language: str) -> None:
    where = answer.request.url
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "10"), where
    assert "Content-Security-Policy" in answer.headers, where
    path = str(answer.request.path_url)
    if path.endswith(".json"):
        assert AGAIN[language] in answer.json()["error"], where
        return
    assert AGAIN[language] in answer.text, where
    assert f'lang="{language}"' in answer.text, where
    assert (STAFFS_FRAME if path.startswith("/admin/") else SHOPS_FRAME) in answer.text, where


def _path(target: Target) -> str:
    kinds = dict(target.kinds)
    values = {name: SAMPLES.get(kinds.get(name, ""), "word") for name in target.names}
    return re.sub(r"[\\?$^]|\(.*?\)", "", target.path(values))


def _add_to_cart(house: House) -> requests.Response:
    with http() as browser:
        catalogue = browser.get(f"{house.url}/", timeout=HANG_S)
        product = re.search(r'name="product"[^>]*value="(\d+)"', catalogue.text)
        assert product
        form = {"csrfmiddlewaretoken": csrf_token(catalogue), "product": product[1]}
        return browser.post(f"{house.url}/cart/add/", data=form, timeout=HANG_S)


@contextmanager
def _stopped(house: House) -> Iterator[None]:
    house.postgres.kill()
    try:
        yield
    finally:
        house.postgres.start()


@contextmanager
def _refusing(house: House) -> Iterator[None]:
    """As a pool without a free connection."""
    house.sql(f"ALTER ROLE {APP} CONNECTION LIMIT 0")
    house.sql(END_SESSIONS, APP)
    try:
        yield
    finally:
        house.sql(f"ALTER ROLE {APP} CONNECTION LIMIT -1")


@contextmanager
def _locked(house: House, table: str) -> Iterator[None]:
    with psycopg.connect(house.postgres.url_of("shop")) as session:
        session.execute(f"LOCK TABLE {table}".encode())
        yield


@contextmanager
def _failing(house: House, code: str) -> Iterator[None]:
    house.sql(FAIL.format(code=code))
    try:
        yield
    finally:
        house.sql("DROP FUNCTION fail CASCADE")
