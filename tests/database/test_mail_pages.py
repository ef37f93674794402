"""The mails of a shop without a mail server: who may see them, and what a hostile one can do."""

from email.message import EmailMessage as Parsed
from pathlib import Path

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from commerce.mail import files, sending
from commerce.models import Notification
from tests import reporting
from tests.people import logged_in

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


@pytest.fixture(autouse=True)
def trial(settings: Settings, tmp_path: Path) -> Settings:
    """A shop as `make run` starts it."""
    settings.EMAIL_HOST, settings.PRODUCTION, settings.SHOP_URL = "", False, "http://127.0.0.1:8000"
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = "commerce.mail.files.EmailBackend", tmp_path / "mail"
    return settings


def send(subject: str = "Your order", html: str = "<p>Thank <b>you</b></p>") -> str:
    """A mail of any kind; returns the name of its file."""
    before = set(files.names())
    mail = EmailMultiAlternatives(
        subject, "Thank you\nhttp://127.0.0.1:8000/orders/abc/", "shop@example.com", ["ann@example.com"]
    )
    mail.attach_alternative(html, "text/html")
    mail.attach("report.csv", "a,b", "text/csv")
    mail.send()
    (name,) = set(files.names()) - before
    return name


def addresses() -> list[str]:
    """All pages about one mail."""
    name = send()
    return ["/mails/", f"/mails/{name}/", f"/mails/{name}/html/", f"/mails/{name}.eml"]


def statuses(client: Client, **request: str) -> set[int]:
    return {client.get(address, **request).status_code for address in addresses()}  # type: ignore[arg-type]


# --- who -------------------------------------------------------------------------------------------------------------


def test_a_person_at_this_machine_sees_them(client: Client) -> None:
    """And is led there from the shop's pages."""
    assert statuses(client) == {200}
    assert '<a href="/mails/">' in client.get("/").content.decode()
    assert " UTC</time>" in client.get("/mails/").content.decode()


@pytest.mark.parametrize(
    ("shop", "request_"),
    [
        ("http://127.0.0.1:8000", ELSEWHERE),
        ("http://192.0.2.1:8000", {}),
        ("https://shop.example.com", {}),
        ("http://127.0.0.1:8000", {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}),
        ("http://127.0.0.1:8000", {"HTTP_FORWARDED": "for=127.0.0.1"}),
        ("http://127.0.0.1:8000", {"HTTP_X_REAL_IP": "127.0.0.1"}),
        ("http://127.0.0.1:8000", {"HTTP_VIA": "1.1 proxy"}),
    ],
)
def test_others_log_in(client: Client, trial: Settings, shop: str, request_: dict[str, str]) -> None:
    """A shop that other machines reach shows the links of all customers to staff only, and so behind any proxy."""
    trial.SHOP_URL = shop
    trial.ALLOWED_HOSTS = ["*"]
    assert statuses(client, **request_) == {302}
    assert "/mails/" not in client.get("/", **request_).content.decode()  # type: ignore[arg-type]
    assert statuses(logged_in(client, "view_notification"), **request_) == {200}


@pytest.mark.parametrize(("is_staff", "permissions"), [(False, ["view_notification"]), (True, [])])
def test_staff_needs_the_permission(client: Client, is_staff: bool, permissions: list[str]) -> None:
    """And a customer is no staff."""
    assert statuses(logged_in(client, *permissions, is_staff=is_staff), **ELSEWHERE) == {302}


@pytest.mark.parametrize(("production", "host"), [(True, ""), (False, "smtp.example.com"), (True, "smtp.example.com")])
def test_where_mails_are_sent_there_are_no_pages(
    client: Client, admin_client: Client, trial: Settings, production: bool, host: str
) -> None:
    """In production least of all, for nobody."""
    found = addresses()
    trial.PRODUCTION, trial.EMAIL_HOST, trial.SECURE_SSL_REDIRECT = production, host, False
    for browser in (client, admin_client):
        assert {browser.get(address).status_code for address in found} == {404}
        assert "/mails/" not in browser.get("/").content.decode()
    assert "/mails/" not in admin_client.get("/admin/").content.decode()


def test_the_admin_leads_there(admin_client: Client) -> None:
    """From its first page."""
    assert '<a href="/mails/">' in admin_client.get("/admin/").content.decode()


# --- what ------------------------------------------------------------------------------------------------------------


def test_the_newest_is_first(client: Client) -> None:
    """With recipient and subject."""
    names = [send(f"Mail {number}") for number in range(3)]
    page = client.get("/mails/").content.decode()
    found = [page.index(f"/mails/{name}/") for name in names]
    assert found == sorted(found, reverse=True)
    assert page.count("ann@example.com") == 3


def test_many_mails_are_one_short_page(client: Client) -> None:
    """Only the newest are read."""
    for _ in range(105):
        EmailMessage("s", "t", "shop@example.com", ["ann@example.com"]).send()
    page = client.get("/mails/").content.decode()
    assert page.count("<tr>") == 101
    assert "The newest 100 of 105" in page


def test_a_hostile_mail_runs_nothing_and_loads_nothing(client: Client) -> None:
    """The frame is a world of its own; texts in the pages are escaped."""
    name = send("<script>alert(1)</script>", "<script>alert(1)</script><img src=//evil.example/x>")
    assert "<script>alert" not in client.get("/mails/").content.decode()
    page = client.get(f"/mails/{name}/").content.decode()
    assert "<script>alert" not in page
    (frame,) = (line for line in page.splitlines() if "<iframe" in line)
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame

    answer = client.get(f"/mails/{name}/html/")
    rules = dict(rule.strip().partition(" ")[::2] for rule in answer["Content-Security-Policy"].split(";"))
    assert rules["default-src"] == "'none'"
    assert "allow-scripts" not in rules["sandbox"]
    assert "allow-same-origin" not in rules["sandbox"]
    assert rules.keys() == {"sandbox", "default-src", "style-src", "img-src", "frame-ancestors"}
    assert answer["X-Frame-Options"] == "SAMEORIGIN"


def test_the_page_of_a_mail_has_all_of_it(client: Client) -> None:
    """Text with links, headers, attachments, and the file itself."""
    name = send()
    page = client.get(f"/mails/{name}/").content.decode()
    assert 'href="http://127.0.0.1:8000/orders/abc/"' in page
    assert "Subject: Your order" in page
    assert "report.csv" in page

    answer = client.get(f"/mails/{name}.eml")
    assert answer["Content-Type"] == "message/rfc822"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}.eml"'
    assert files.parse(answer.content)["Subject"] == "Your order"


def test_a_queued_mail_arrives_as_it_would_be_sent(client: Client) -> None:
    """Through the sweep; a mail without HTML has no frame."""
    order = reporting.order()
    Notification.objects.create(
        order=order, kind=Notification.Kind.SELLER_NOTIFICATION, recipient="ann@example.com", subject="Заказ “1”",
        text="Чай – 2 шт.", message_id="<1@example.com>", send_after=timezone.now(),
    )  # fmt: skip
    sending.send_due(5)
    (name,) = files.names()
    parsed: Parsed = files.parse(files.read(name) or b"")
    assert (parsed["Subject"], parsed["Message-ID"]) == ("Заказ “1”", "<1@example.com>")
    page = client.get(f"/mails/{name}/").content.decode()
    assert "Чай – 2 шт." in page
    assert "<iframe" not in page


@pytest.mark.parametrize("name", ["20260101T000000000000-00000000", "..%2f..%2fsecret-key", "secret-key", "x"])
def test_no_other_file_is_shown(client: Client, trial: Settings, name: str) -> None:
    """Not even from the directory itself."""
    Path(trial.EMAIL_FILE_PATH).mkdir()
    Path(trial.EMAIL_FILE_PATH, "x.eml").write_text("Subject: x\n\nx")
    assert "no mail yet" in client.get("/mails/").content.decode()
    assert {client.get(f"/mails/{name}{rest}").status_code for rest in ("/", "/html/", ".eml")} == {404}


def test_files_are_for_this_user_only(trial: Settings) -> None:
    """And nothing else is left in the directory."""
    name = send()
    directory = Path(trial.EMAIL_FILE_PATH)
    assert [path.name for path in directory.iterdir()] == [f"{name}.eml"]
    assert (directory.stat().st_mode & 0o777, (directory / f"{name}.eml").stat().st_mode & 0o777) == (0o700, 0o600)
