"""nginx as it will be deployed, with gunicorn behind it: what it keeps away, and what it must not lose."""

import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
import requests

from billing.sandbox.webhook_delivery import signature
from tests.plugin import postgres
from tests.stack.ports import HANG_S, LOOPBACK, wait_until
from tests.system.front import SECRET, Front
from tests.system.house import ROOT, START_S, http

pytestmark = pytest.mark.django_db(transaction=False)

FEW_PER_S = 2
QUEUED = 5 * FEW_PER_S
RELOADS = 5
STRANGER = "127.0.0.2"
"""A sender that is no proxy of ours, and yet can reach loopback."""


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    with ExitStack() as exits:
        yield Front(exits).open()


@pytest.fixture
def fresh(front: Front) -> Iterator[Front]:
    """With every limit as if nobody had ever come."""
    front.nginx.restart()
    yield front
    front.nginx.restart()


@pytest.fixture
def narrow(front: Front) -> Iterator[Front]:
    """With a limit so low that no machine is too slow to exceed it."""
    front.configure(callbacks_per_second=FEW_PER_S)
    front.nginx.restart()
    yield front
    front.configure()
    front.nginx.restart()


# --- the way in ------------------------------------------------------------------------------------------------------


def test_plain_http_is_sent_to_the_shop_over_tls(front: Front) -> None:
    """The path comes along; the answer is nginx's own."""
    with http() as browser:
        answer = browser.get(f"http://localhost:{front.nginx.port}/cart/?a=b", allow_redirects=False, timeout=HANG_S)

    assert (answer.status_code, answer.headers["Location"]) == (301, f"{front.url}/cart/?a=b")


def test_a_shop_with_two_addresses_answers_on_ipv6_too(front: Front) -> None:
    """Every line of the site that listens is there for both."""
    plain = HTTPConnection("::1", front.nginx.port, timeout=HANG_S)
    with closing(plain):
        plain.request("GET", "/cart/", headers={"Host": "localhost"})
        assert plain.getresponse().headers["Location"] == f"{front.url}/cart/"
    with front.tls(source="::1", host="::1") as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b" 200 " in connection.recv(4096).splitlines()[0]
    with pytest.raises(ssl.SSLError):
        front.tls("elsewhere.example", source="::1", host="::1").close()


def test_another_name_gets_no_certificate_and_no_answer(front: Front) -> None:
    """Scanners that try bare addresses see nothing of the shop."""
    with pytest.raises(ssl.SSLError):
        front.tls("elsewhere.example").close()
    with http() as browser, pytest.raises(requests.ConnectionError):
        browser.get(f"http://{LOOPBACK}:{front.nginx.port}/", timeout=HANG_S)


def test_the_shop_knows_that_it_is_behind_tls(front: Front) -> None:
    """A page and no redirect to itself, cookies for TLS only, and the word to browsers to stay there."""
    page = front.get("/")

    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"] == "max-age=3600"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert "nginx/" not in page.headers["Server"]
    assert "Secure" in front.get("/account/login/").headers["Set-Cookie"]


def test_a_client_cannot_say_that_it_came_over_tls(front: Front) -> None:
    """Without a proxy of ours in between, the shop insists on TLS; watchers of the process are let through."""
    web = f"http://{LOOPBACK}:{front.web_port}"
    with http() as browser:
        assert browser.get(web, allow_redirects=False, timeout=HANG_S).status_code == 301
        assert browser.get(f"{web}/healthz", allow_redirects=False, timeout=HANG_S).status_code == 200


# --- static files ----------------------------------------------------------------------------------------------------


def stylesheet(front: Front) -> str:
    """The address of the shop's style sheet, as the page has it."""
    found = re.search(r'href="(/static/commerce/shop\.[0-9a-f]{12}\.css)"', front.get("/").text)
    assert found
    return found[1]


def test_static_files_are_kept_for_ever_and_come_compressed(front: Front) -> None:
    """The name has the content's hash in it, and nginx sends the copy that was compressed beforehand."""
    path = stylesheet(front)
    answer = front.get(path, headers={"Accept-Encoding": "gzip"})
    ready = Path(front.environment["VAR_DIR"]) / path.removeprefix("/")

    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == ready.with_name(f"{ready.name}.gz").stat().st_size
    assert answer.text == ready.read_text()


def test_static_files_do_not_need_the_web(front: Front) -> None:
    """A busy shop, or one that is just starting, has its pictures."""
    path = stylesheet(front)
    front.web.freeze()
    try:
        assert front.get(path).status_code == 200
    finally:
        front.web.thaw()


def test_the_map_of_the_names_is_not_shown(front: Front) -> None:
    """And there is no way out of the directory."""
    assert (Path(front.environment["VAR_DIR"]) / "static/staticfiles.json").is_file()
    for path in ("/static/staticfiles.json", "/static../secret-key", "/static/%2e%2e/secret-key"):
        assert front.get(path).status_code in {400, 404}


def test_no_directory_is_listed(front: Front) -> None:
    """Names of files are learned from pages only."""
    for path in ("/static/", "/static/commerce/"):
        assert front.get(path).status_code == 403


# --- callbacks -------------------------------------------------------------------------------------------------------


def test_a_chunked_callback_arrives_whole(front: Front) -> None:
    """The web alone would have to refuse it."""
    body = b'{"type": "payment.succeeded", "payment": {"id": "chunked", "reference": "r"}}'
    pieces = [body[:10], body[10:11], body[11:]]
    chunked = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + b"0\r\n\r\n"
    head = f"Host: localhost\r\nSandbox-Signature: {signature(SECRET, body)}\r\nTransfer-Encoding: chunked\r\n"

    with front.tls() as connection:
        connection.sendall(f"POST /callbacks/sandbox/ HTTP/1.1\r\n{head}\r\n".encode() + chunked)
        assert b" 200 " in connection.recv(4096).splitlines()[0]

    assert body in front.senders()


def test_a_body_that_is_too_long_does_not_reach_the_web(front: Front) -> None:
    """Callbacks have the shop's own limit, pages a megabyte."""
    before = len(front.senders())

    assert front.callback(b"x" * 65_537).status_code == 413
    assert front.post("/cart/add/", b"x" * 1_100_000).status_code == 413
    assert len(front.senders()) == before


def test_who_sent_a_callback_cannot_be_made_up(front: Front) -> None:
    """nginx adds who connected to it, and the shop believes nothing that stands left of that."""
    body = b'{"type": "payment.succeeded", "payment": {"id": "from-afar", "reference": "r"}}'
    head = f"Sandbox-Signature: {signature(SECRET, body)}\r\nContent-Length: {len(body)}\r\n"
    head += "X-Forwarded-For: 203.0.113.7\r\n"

    with front.tls(source=STRANGER) as connection:
        connection.sendall(f"POST /callbacks/sandbox/ HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode() + body)
        assert b" 200 " in connection.recv(4096).splitlines()[0]

    assert front.senders()[body] == STRANGER


@pytest.mark.campaign
def test_a_burst_of_callbacks_is_slowed_down_and_none_is_lost(narrow: Front) -> None:
    """What does not fit into the queue gets 503 and is sent again, as every provider does."""
    bodies = [
        f'{{"type": "payment.succeeded", "payment": {{"id": "burst-{n}", "reference": "r"}}}}'.encode()
        for n in range(QUEUED * 3)
    ]
    with ThreadPoolExecutor(QUEUED * 3) as provider:
        answers = dict(zip(bodies, provider.map(narrow.callback, bodies), strict=True))

    statuses = Counter(answer.status_code for answer in answers.values())
    assert set(statuses) == {200, 503}
    assert statuses[200] >= QUEUED, "the burst was let through at the limit's pace"
    assert {answer.headers["Retry-After"] for answer in answers.values() if answer.status_code == 503} == {"5"}

    for body in [body for body, answer in answers.items() if answer.status_code == 503]:
        wait_until(lambda body=body: narrow.callback(body).status_code == 200, "the repeat was taken")  # type: ignore[misc]
    assert set(bodies) <= set(narrow.senders())


@pytest.mark.campaign
def test_a_web_that_is_reloaded_again_and_again_answers_everybody(front: Front) -> None:
    """Pages and posts at any moment of it: none is lost on a connection that the web is just closing."""
    done = threading.Event()

    def statuses(ask: Callable[[], requests.Response]) -> Counter[int]:
        found: Counter[int] = Counter()
        while not done.is_set():
            found[ask().status_code] += 1
        return found

    with ThreadPoolExecutor(4) as customers:
        pages = [customers.submit(statuses, lambda: front.get("/")) for _ in range(2)]
        posts = [customers.submit(statuses, lambda: front.post("/cart/change/", b"x")) for _ in range(2)]
        for _ in range(RELOADS):
            before = front.serving()
            front.web.send(signal.SIGHUP)
            wait_until(lambda before=before: front.serving() and not front.serving() & before, "it was reloaded")  # type: ignore[misc]
        done.set()

    assert {status for each in pages for status in each.result()} == {200}
    assert {status for each in posts for status in each.result()} == {403}, (
        "Django's own answer to a post without a form"
    )


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "passes"),
    [
        ("/account/login/", 6),
        ("/account/new/", 6),
        ("/account/password/forgotten/", 6),
        ("/admin/login/", 6),
        ("/checkout/", 11),
    ],
)
def test_who_tries_too_often_is_slowed_down(fresh: Front, path: str, passes: int) -> None:
    """Only posting counts: whoever reads the form is in nobody's way."""
    statuses = [fresh.post(path, {"username": "ann"}).status_code for _ in range(passes + 8)]

    assert statuses[:passes].count(429) == 0
    assert 429 in statuses[passes:]
    assert fresh.get(path).status_code != 429


def test_a_slow_sender_holds_no_thread_of_the_web(front: Front) -> None:
    """More of them than the web has threads, each with half a body sent: pages still come."""
    slow = [front.tls() for _ in range(16)]
    try:
        for connection in slow:
            connection.sendall(b"POST /callbacks/sandbox/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        assert front.get("/").status_code == 200
    finally:
        for connection in slow:
            connection.close()


# --- what is closed --------------------------------------------------------------------------------------------------

CLOSED = ("/admin/", "/admin/login/", "/metrics", "/healthz", "/readyz")


def test_the_admin_and_the_metrics_are_for_the_shops_own_people(front: Front, tmp_path: Path) -> None:
    """As shipped this machine alone is let in; with an office's network instead, it is not."""
    assert front.get("/admin/login/").status_code == 200
    assert front.get("/readyz").status_code == 200

    front.configure(b"allow 192.0.2.0/24;\ndeny all;\n")
    front.nginx.restart()
    try:
        assert {path: front.get(path).status_code for path in CLOSED} == dict.fromkeys(CLOSED, 403)
        assert front.get("/").status_code == 200
    finally:
        front.configure()
        front.nginx.restart()


def test_a_configuration_that_cannot_work_is_refused(front: Front) -> None:
    """With one sentence, before nginx is asked."""
    for changes, words, sentence in (
        ({}, ("--certificate", "/nowhere.pem", "--key", "k"), "'/nowhere.pem' is not a file"),
        ({}, ("--certificate", __file__, "--key", "k", "--logins-per-minute", "0"), "'0' is not valid"),
        ({"PRODUCTION": "no", "SHOP_URL": "http://x"}, ("--certificate", __file__, "--key", "k"), "write an address"),
    ):
        done = subprocess.run(
            [sys.executable, "manage.py", "nginxconf", *words],
            cwd=ROOT, env={**front.environment, **changes}, text=True, capture_output=True, timeout=HANG_S, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert sentence in done.stderr


# --- TLS -------------------------------------------------------------------------------------------------------------


def version_of(front: Front, server_name: str, version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> str:
    """The version and the suite that are agreed on with a client of this one version. Raises SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    plain = socket.create_connection((LOOPBACK, front.nginx.tls_port), 30)
    with plain, context.wrap_socket(plain, server_hostname=server_name) as connection:
        return f"{connection.version()} {(connection.cipher() or ('',))[0]}"


def test_tls_1_3_and_1_2_with_forward_secrecy_are_spoken(front: Front) -> None:
    """By all browsers of the last ten years."""
    assert version_of(front, "localhost", ssl.TLSVersion.TLSv1_3).startswith("TLSv1.3 TLS_")
    assert version_of(front, "localhost", ssl.TLSVersion.TLSv1_2).startswith("TLSv1.2 ECDHE-")


WEAK: dict[str, tuple[ssl.TLSVersion, str]] = {
    "TLS 1.1": (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
    "TLS 1.0": (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
    "RSA key exchange": (ssl.TLSVersion.TLSv1_2, "kRSA:@SECLEVEL=0"),
    "CBC": (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384"),
}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("server_name", ["localhost", "elsewhere.example"])
@pytest.mark.parametrize("weak", WEAK)
def test_old_versions_and_weak_suites_are_refused(front: Front, weak: str, server_name: str) -> None:
    """Under every name: the default server's settings decide for all that listen at its address."""
    version, ciphers = WEAK[weak]
    with pytest.raises(ssl.SSLError) as caught:
        version_of(front, server_name, version, ciphers)
    # A refusal for the name alone means that the version was taken; suites are chosen after the name.
    assert version is ssl.TLSVersion.TLSv1_2 or caught.value.reason != "TLSV1_UNRECOGNIZED_NAME"


def test_no_session_tickets_are_given(front: Front) -> None:
    """One key for all of them would open what was recorded."""
    context = ssl.create_default_context()
    front.authority.configure_trust(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    plain = socket.create_connection((LOOPBACK, front.nginx.tls_port), 30)
    with plain, context.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        connection.recv(1)
        assert connection.session
        assert not connection.session.has_ticket


# --- the log ---------------------------------------------------------------------------------------------------------

ID = "Ab3dEf6hIj9lMn2pQr5tUv"
BEARER_LINKS = (
    f"/orders/{ID}/",
    f"/orders/{ID}",
    f"/orders/{ID}/pay/?a={ID}",
    f"/orders/{ID}/state.json",
    f"/reviews/{ID}:1tXYZ1:{ID}{ID}/",
    f"/account/reset/MQ/{ID}/",
    f"/?order={ID}",
    f"//orders//{ID}",
)


def test_the_log_has_no_link_that_opens_an_order(front: Front) -> None:
    """Who reads logs may find an order by the beginning of its id, and not open it. Queries hold what people type."""
    log = front.nginx.directory / "access.log"
    before = len(log.read_text())
    for path in BEARER_LINKS:
        front.get(path, headers={"Referer": f"{front.url}/orders/{ID}/", "User-Agent": "a test"})
    with http() as browser:
        browser.get(f"http://localhost:{front.nginx.port}/orders/{ID}/", allow_redirects=False, timeout=HANG_S)

    wait_until(lambda: log.read_text()[before:].count("\n") > len(BEARER_LINKS), "all were logged")
    logged = log.read_text()[before:]
    assert ID[:9] not in logged
    assert f'"GET /orders/{ID[:8]}.../pay/ HTTP/1.1" ' in logged
    assert f'"{front.url}" "a test"' in logged


def test_the_log_has_what_names_nobody_s_order(front: Front) -> None:
    """Products and pages are told whole."""
    log = front.nginx.directory / "access.log"
    before = len(log.read_text())
    front.get("/products/ethiopia-yirgacheffe-250g/")
    front.get("/account/login/")

    wait_until(lambda: "login" in log.read_text()[before:], "both were logged")
    assert '"GET /products/ethiopia-yirgacheffe-250g/ HTTP/1.1" 404' in log.read_text()[before:]
    assert '"GET /account/login/ HTTP/1.1" 200' in log.read_text()[before:]


# --- the web is away -------------------------------------------------------------------------------------------------


@pytest.fixture
def without_web(front: Front) -> Iterator[Front]:
    """As while the host of the web starts again."""
    front.web.kill()
    yield front
    front.web.start()
    wait_until(lambda: front.get("/").ok, "a page came through", START_S)


def test_the_front_says_try_again_while_the_web_is_away(without_web: Front) -> None:
    """In the shop's clothes, in both languages, to whoever reads, sends a form or works here; and no cache keeps it."""
    path = "/cart/"
    for answer in (
        without_web.get(path),
        without_web.post(path, {"a": "b"}),
        without_web.get("/admin/"),
        without_web.post("/account/login/"),
    ):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert answer.headers["Cache-Control"] == "no-store"
        assert 'class="bare"' in answer.content.decode()
        for again in ("Please try again in a moment", "Попробуйте ещё раз чуть позже"):
            assert again in answer.content.decode()


def test_what_the_page_without_the_web_looks_like_needs_no_web(without_web: Front) -> None:
    """Its style and its picture come from the front as well."""
    page = without_web.get("/").content.decode()
    paths = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert paths
    assert [path for path in paths if not without_web.get(path).ok] == []


def test_a_provider_is_told_to_send_again_while_the_web_is_away(without_web: Front) -> None:
    """Every provider repeats a callback after a 5xx."""
    assert without_web.callback(b"{}").status_code >= 500


CART = {"Cookie": f"__Host-sessionid={'a' * 32}"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "at_once", "status"),
    [("GET", "/", {}, 10, 200), ("GET", "/cart/", CART, 2, 200), ("POST", "/cart/add/", CART, 2, 403)],
    ids=["newcomers", "pages", "forms"],
)
def test_the_front_says_try_again_when_too_many_wait_for_the_web(
    front: Front, method: str, path: str, headers: dict[str, str], at_once: int, status: int
) -> None:
    """At once, to who comes when two wait already; the two get their answer. So does who works here, and who has a cart
    while newcomers wait."""
    front.configure(requests_at_once=at_once)
    front.nginx.restart()
    front.web.freeze()
    try:
        with ThreadPoolExecutor(5) as people:
            came = [people.submit(front.ask, method, path, headers=headers, timeout=HANG_S) for _ in range(3)]
            late = next(as_completed(came))
            others = [people.submit(front.get, "/healthz", timeout=HANG_S)]
            if not headers:
                others.append(people.submit(front.get, "/cart/", headers=CART, timeout=HANG_S))
            assert (late.result().status_code, late.result().headers["Retry-After"]) == (503, "10")
            assert "Please try again in a moment" in late.result().text
            assert [each for each in came if each.done()] == [late]
            front.web.thaw()
            assert [each.result().status_code for each in came if each is not late] == [status, status]
            assert [each.result().status_code for each in others] == [200] * len(others)
    finally:
        front.web.thaw()
        front.configure()
        front.nginx.restart()


@pytest.mark.campaign
def test_the_front_says_try_again_while_the_database_is_frozen(front: Front) -> None:
    """The web waits for it; the front waits 40 s for the web. Afterwards the same processes serve again."""
    assert front.get("/").ok
    serving = front.serving()
    postgres().freeze()
    try:
        answer = front.get("/", timeout=HANG_S)
    finally:
        postgres().thaw()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "Please try again in a moment" in answer.text
    wait_until(lambda: front.get("/").ok, "the shop was back", START_S)
    assert front.serving() == serving
