"""A process with a wrong setting does not start: it ends with one line that says what to write."""

import json
import os
from pathlib import Path

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from tests import forked


def read_settings(var: Path, code: str = "import django; django.setup()", **environment: str) -> forked.Completed:
    """A fresh process with nothing but these settings."""
    ours = {"PATH": os.environ["PATH"], "VAR_DIR": str(var), "DJANGO_SETTINGS_MODULE": "config.settings"}
    return forked.run_code(ours | environment, code)


@pytest.mark.parametrize(
    ("name", "value", "instead"),
    [
        ("PRODUCTION", "maybe", "write yes or no"),
        ("SHOP_URL", "shop.example.com", "write an address like http://host"),
        ("SHOP_URL", "http://[", "write an address"),
        ("SHOP_URL", "https://shop.example/?a=b", "write it without '?': links begin with it"),
        ("CONSOLE_URL", "office.example/admin/console", "write an address like http://host"),
        ("CONSOLE_URL", "https://office.example/admin/console#late", "write it without '#': links begin with it"),
        ("RUNBOOK_URL", "https://wiki.example/till#top", "write it without '#': links begin with it"),
        ("SHOP_URL", "http://::1:8000", "write an address like http://host, or http://[::1] for IPv6"),
        ("BROKER_URL", "amqp://till@::1", "write an address like amqp://host, or amqp://[::1] for IPv6"),
        (
            "METRICS_HOST",
            "http://10.0.0.5",
            "write a host name, or an IP address like 2001:db8::7, and no port",
        ),
        (
            "METRICS_HOST",
            "10.0.0.5:9191",
            "write a host name, or an IP address like 2001:db8::7, and no port",
        ),
        ("METRICS_HOST", "[::1]:9191", "write a host name, or an IP address like 2001:db8::7, and no port"),
        ("METRICS_HOST", "every where", "write a host name"),
        ("SECRET_KEY", "short", "at least 50 random characters"),
        ("SECRET_KEY_FALLBACKS", "short", "write whole earlier keys"),
        ("DATABASE_URL", "mysql://db/shop", "write an address like postgres://host"),
        ("DATABASE_URL", "postgres://db:port/shop", "write"),
        ("DATABASE_URL", "postgres://till:pa/ss@db/shop", "its port is not a number; write"),
        ("DATABASE_LOCK_TIMEOUT_S", "nan", "write a number of seconds from 1"),
        ("BROKER_URL", "redis://127.0.0.1", "write an address like amqp://host"),
        ("PAYMENT_ACCOUNTS", ",", "name at least one account, like stripe"),
        ("PAYMENT_ACCOUNTS", "piggybank", "write accounts like stripe or name:stripe; the providers are sandbox"),
        ("PAYMENT_ACCOUNTS", "Sandbox:sandbox", "write accounts like"),
        ("PAYMENT_ACCOUNTS", "shop:sandbox,shop:stripe", "in small letters, each name once"),
        ("PAYMENT_ACCOUNT", "stripe", "write one of sandbox"),
        ("PAYMENT_CHECK_INTERVAL_S", "7", "write a number that divides a day"),
        ("PAYMENT_CHECK_INTERVAL_S", "0.5", "write a whole number from 1 to 3600"),
        ("FAST_TRACK_INTERVAL_S", "0", "write a number of seconds from 0.5"),
        ("SLOW_TRACK_INTERVAL_S", "inf", "write a number of seconds from 0.5"),
        ("PAYMENT_ATTEMPTS_LIMIT", "ten", "write a whole number from 1"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy", "write networks like 192.0.2.0/24"),
        ("RECONCILIATION_SHARED_ACCOUNTS", "stripe", "write names of PAYMENT_ACCOUNTS"),
        ("MONEY_DECISION_LIMIT", "100", "write currencies with amounts"),
        ("MONEY_DECISION_LIMIT", "EUR:-1", "write currencies with amounts"),
        ("MONEY_DECISION_LIMIT", "EUR:100,EUR:200", "each currency once"),
        ("CALLBACK_RETENTION_DAYS", "0", "write a whole number from 1"),
        ("PAYMENT_API_TIMEOUT_S", "600", "write a number of seconds from 0.1 to 60"),
        ("REVIEW_REQUEST_AFTER_DAYS", "0", "write a whole number from 1 to 365"),
        ("REVIEW_LINK_VALID_DAYS", "soon", "write a whole number from 1"),
        ("PAYMENT_POLLING_POLICY", "sometimes", "write one of two-track, growing"),
        ("SANDBOX_POLLING_POLICY", "Growing", "write one of two-track, growing"),
        ("SANDBOX_RATE_LIMIT_PER_S", "fast", "write a whole number from 0 to 10000"),
        ("EMAIL_FROM", "Till <shop@☕.example>", "write a domain that exists: '☕.example' is not a domain name"),
        ("REPORT_RECIPIENTS", "ann@example.com,bert@☕.example", "write a domain that exists: '☕.example'"),
        ("ADMIN_EMAILS", "ann@ex\u200dample.com", "write a domain that exists"),
        ("EMAIL_PORT", "65536", "write a whole number from 1 to 65535"),
        ("EMAIL_HOST", "smtp..example.com", "write a host name, or an IP address"),
        ("EMAIL_HOST", "smtp.example.com:587", "'smtp.example.com:587' is not a host name"),
        ("EMAIL_HOST", "smtp.☕.example", "'smtp.☕.example' is not a domain name"),
        ("EMAIL_HELO_NAME", "my shop", "write a host name"),
        ("EMAIL_HOST_USER", "sh\x01op", "is '***': write it in UTF-8 and without control characters"),
        ("EMAIL_HOST_PASSWORD", "hu\nsh", "is '***': write it in UTF-8 and without control characters"),
        ("EMAIL_HOST_PASSWORD", "hush\udce4", "is '***': write it in UTF-8 and without control characters"),
        ("EMAIL_FROM", "Coffee, Tea <shop@example.com>", "write an address like shop@example.com or Shop <shop@"),
        ("EMAIL_FROM", "Coffee\nBcc: eve@example.org <shop@example.com>", "write an address like shop@example.com"),
        ("EMAIL_FROM", "магазин@example.com", "write an address like shop@example.com"),
        ("EMAIL_FROM", "Till Coffee", "write an address like shop@example.com"),
        ("HSTS_S", "-1", "write a whole number from 0 to 63072000"),
        ("LOG_STYLE", "xml", "write one of json, readable"),
        ("LOG_LEVEL", "loud", "write one of DEBUG, INFO, WARNING, ERROR"),
        ("SHOP_TIME_ZONE", "Mars/Olympus", "write"),
    ],
)
def test_a_wrong_setting_stops_the_start(tmp_path: Path, name: str, value: str, instead: str) -> None:
    """Status 1, nothing on standard output, and one line on standard error: no traceback to dig through."""
    ended = read_settings(tmp_path, **{name: value})

    assert (ended.returncode, ended.stdout) == (1, "")
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith(f"The setting {name} ")
    assert instead in lines[0]


@pytest.mark.parametrize("more", [{}, {"SECRET_KEY": "k" * 50}], ids=["makes a key", "has a key"])
def test_a_directory_that_cannot_be_made_stops_the_start(more: dict[str, str]) -> None:
    """With what is wrong with it, and what to do."""
    ended = read_settings(Path("/dev/null/var"), **more)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("The setting VAR_DIR is '/dev/null/var': /dev/null/var: Not a directory; give it ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["x%2Fy", "what? #1", "100%", "магазин [1]", "a;b&c=d\\e", "k\udcf6ln"], ids=ascii)
def test_a_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    """The database is made in it, whatever its name would mean in an address."""
    code = "import django; django.setup(); from django.db import connection; connection.ensure_connection()"
    ended = read_settings(tmp_path / name, code)

    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / name / "shop.sqlite3").exists()


@pytest.mark.parametrize(
    ("account", "given", "missing", "like"),
    [
        ("yookassa", {}, "YOOKASSA_SHOP_ID", "100500. The shop's number at YooKassa"),
        ("yookassa", {"YOOKASSA_SHOP_ID": "1"}, "YOOKASSA_SECRET_KEY", "live_…. The shop's key at YooKassa"),
        (
            "stripe", {"STRIPE_SECRET_KEY": "sk"}, "STRIPE_CALLBACK_SECRET",
            "whsec_…. Signing secret of the webhook endpoint",
        ),
        (
            "stripe-eu:stripe", {"STRIPE_SECRET_KEY": "sk", "STRIPE_CALLBACK_SECRET": "wh"}, "STRIPE_EU_SECRET_KEY",
            "sk_live_…. The account's key, secret or restricted",
        ),
        ("paypal", {"PAYPAL_CLIENT_ID": "id"}, "PAYPAL_CLIENT_SECRET", "EGnHDxD_…. The application's secret at PayPal"),
    ],
)  # fmt: skip
def test_an_account_needs_its_keys(
    tmp_path: Path, account: str, given: dict[str, str], missing: str, like: str
) -> None:
    """The sentence says what to write. Keys of another account are not taken for them."""
    ended = read_settings(tmp_path, PAYMENT_ACCOUNTS=account, **given)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"The setting {missing} is not set: it has no default; write a value like {like}.\n"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"EMAIL_USE_SSL": "yes", "EMAIL_USE_TLS": "yes"}, "EMAIL_USE_SSL is 'yes': EMAIL_USE_TLS is set too"),
        (
            {"EMAIL_OAUTH2_TOKEN": "hush", "EMAIL_HOST_PASSWORD": "hush"},
            "EMAIL_OAUTH2_TOKEN is '***': EMAIL_HOST_PASSWORD is set too; keep one of them",
        ),
        ({"EMAIL_OAUTH2_TOKEN": "hush"}, "EMAIL_HOST_USER is not set: EMAIL_OAUTH2_TOKEN needs it"),
        ({"EMAIL_OAUTH2_TOKEN_FILE": "/dev/null"}, "EMAIL_OAUTH2_TOKEN_FILE is '/dev/null': the file is empty"),
    ],
)
def test_two_ways_into_the_mail_server_are_refused(tmp_path: Path, given: dict[str, str], sentence: str) -> None:
    """It would be a guess which of them is meant; half a login is none."""
    ended = read_settings(tmp_path, **given)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith(f"The setting {sentence}")


@pytest.mark.parametrize(
    ("written", "host"),
    [
        *(("::1", "::1"), ("[::1]", "::1"), ("192.0.2.1", "192.0.2.1"), ("mail_server", "mail_server")),
        *(("smtp.кофейня.рф", "smtp.xn--e1aiboc0b6e.xn--p1ai"), ("SMTP.example.com.", "SMTP.example.com.")),
    ],
)
def test_a_mail_server_has_a_name_that_sockets_take(tmp_path: Path, written: str, host: str) -> None:
    """In the letters of any language, and with the brackets in which addresses of IPv6 are often written."""
    ended = read_settings(tmp_path, "from config import settings; print(settings.EMAIL_HOST)", EMAIL_HOST=written)

    assert (ended.stdout.strip(), ended.stderr) == (host, "")


def test_a_network_has_to_be_one(tmp_path: Path) -> None:
    """A bit of the host in it, and it would match nothing."""
    keys = {"YOOKASSA_SHOP_ID": "1", "YOOKASSA_SECRET_KEY": "2", "YOOKASSA_CALLBACK_NETWORKS": "77.75.153.7/25"}
    ended = read_settings(tmp_path, PAYMENT_ACCOUNTS="yookassa", **keys)

    assert ended.stderr.startswith("The setting YOOKASSA_CALLBACK_NETWORKS is '77.75.153.7/25': write networks like ")


def test_the_real_address_is_the_default(tmp_path: Path) -> None:
    """With the keys, nothing else is needed."""
    code = (
        "import django; django.setup();"
        "print(*(account['url'] for account in django.conf.settings.PAYMENT_ACCOUNTS.values()))"
    )
    keys = dict.fromkeys(
        ("YOOKASSA_SHOP_ID", "YOOKASSA_SECRET_KEY", "STRIPE_SECRET_KEY", "STRIPE_CALLBACK_SECRET"), "secret"
    ) | dict.fromkeys(("PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET"), "secret")
    ended = read_settings(tmp_path, code, PAYMENT_ACCOUNTS="yookassa,stripe,paypal", **keys)

    assert ended.stdout.split() == [
        "https://api.yookassa.ru/v3",
        "https://api.stripe.com/v1",
        "https://api-m.paypal.com",
    ]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"SHOP_URL": "http://[::1]:8000"}, "[::1]:8000"),
        ({"SHOP_URL": "http://[0:0:0:0:0:0:0:1]"}, "[::1]"),
        ({"SHOP_URL": "http://[2001:DB8::7]:8000"}, "[2001:db8::7]:8000"),
        ({"ALLOWED_HOSTS": "::1,2001:DB8::7"}, "[2001:db8::7]:8000"),
        ({"ALLOWED_HOSTS": "[::1]"}, "[::1]:8000"),
    ],
)
def test_a_shop_on_ipv6_knows_its_name(tmp_path: Path, given: dict[str, str], sent: str) -> None:
    """Browsers send the shortest spelling, in brackets. Another address is refused."""
    code = (
        "import django; django.setup();"
        "from django.test import Client;"
        f"print(*(Client().get('/healthz', headers={{'host': host}}).status_code for host in ({sent!r}, '[::9]')))"
    )
    assert read_settings(tmp_path, code, LOG_LEVEL="ERROR", **given).stdout == "200 400\n"


def test_production_needs_a_secret_key(tmp_path: Path) -> None:
    """Only on somebody's own machine there is one without being asked."""
    ended = read_settings(tmp_path, PRODUCTION="yes")

    assert ended.returncode == 1
    assert ended.stderr.startswith("The setting SECRET_KEY ")


def test_without_any_setting_it_is_the_embedded_mode(tmp_path: Path) -> None:
    """SQLite, the broker inside the process, mails in a directory."""
    code = (
        "from config import settings as s;"
        "print(s.DATABASES['default']['ENGINE'], s.DRAMATIQ_BROKER['BROKER'], s.EMAIL_BACKEND, s.DEBUG)"
    )
    ended = read_settings(tmp_path, code)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == [
        "django.db.backends.sqlite3",
        "config.messaging.broker.InMemory",
        "commerce.mail.files.EmailBackend",
        "False",
    ]


def test_the_database_address_is_taken_apart(tmp_path: Path) -> None:
    """Special characters are written as in every URL."""
    code = (
        "from config.settings import DATABASES; d = DATABASES['default'];"
        "print(d['HOST'], d['PORT'], d['NAME'], d['USER'], d['PASSWORD'])"
    )
    ended = read_settings(tmp_path, code, DATABASE_URL="postgres://till:p%40ss%2Fw%23rd@db:5433/sh%20op")

    assert ended.stdout.strip() == "db 5433 sh op till p@ss/w#rd"


def test_the_tracks_of_the_seeds(tmp_path: Path) -> None:
    """Names, meanings and defaults are the user's own."""
    seeds = {
        "FAST_TRACK_LIMIT_S": 300,
        "FAST_TRACK_INTERVAL_S": 5,
        "SLOW_TRACK_INTERVAL_S": 60,
        "PAYMENT_ATTEMPTS_LIMIT": 10,
        "PAYMENT_API_TIMEOUT_S": 3,
    }
    ended = read_settings(tmp_path, f"from config import settings; print([vars(settings)[n] for n in {list(seeds)}])")

    assert json.loads(ended.stdout) == list(seeds.values())


@pytest.mark.parametrize("name", ["commerce.Painting", "museum.Ticket", "Order", "a.b.c"])
def test_a_model_that_is_not_there_stops_the_start(settings: Settings, name: str) -> None:
    """Otherwise the admin's list of payments would be an error page."""
    settings.PAYMENT_REFERENCE_MODEL = name

    with pytest.raises(ImproperlyConfigured, match=f"PAYMENT_REFERENCE_MODEL is '{name}', but there is no such model"):
        apps.get_app_config("billing").ready()
