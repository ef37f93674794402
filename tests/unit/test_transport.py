"""Production speaks to other hosts by TLS with a verified certificate, or a person has written down why not."""

import os
from pathlib import Path

import pytest

from config.hosts import is_this_host
from tests import forked
from tests.unit.test_reference import OWN_KEYS, production

SANDBOX = {"PAYMENT_ACCOUNTS": "sandbox", **OWN_KEYS}
STRIPE = {"PAYMENT_ACCOUNTS": "stripe,stripe-eu:stripe", "STRIPE_EU_SECRET_KEY": "a", "STRIPE_EU_CALLBACK_SECRET": "b"}
VERIFIED = "sslmode=verify-full"

FAR: dict[str, list[tuple[str, str, dict[str, str]]]] = {
    "database": [
        ("DATABASE_URL", "postgres://till:hush@db.internal/shop", {}),
        ("DATABASE_URL", "postgres://till:hush@192.0.2.1/shop?sslmode=require", {}),
        ("DATABASE_URL", "postgres://till:hush@db.internal/shop?sslmode=verify-ca", {}),
        ("DATABASE_URL", "postgres://till:hush@127.0.0.1,db.internal/shop?sslmode=prefer", {}),
        ("DATABASE_URL", "postgres://till:hush@localhost/shop?hostaddr=192.0.2.1", {}),
        ("DATABASE_URL", "postgres://till:hush@/shop?service=far", {}),
        ("DATABASE_URL", "postgres://till:hush@/shop", {"PGHOST": "db.internal"}),
        ("DATABASE_OWNER_URL", "postgres://till_owner:hush@db.internal/shop", {}),
    ],
    "broker": [
        ("BROKER_URL", "amqp://till:hush@mq.internal/till", {}),
        ("BROKER_URL", "amqps://till:hush@mq.internal/till?ssl_options={'protocol':2,'cafile':'%s'}", {}),
    ],
    "mail": [("EMAIL_USE_TLS", "no", {}), ("EMAIL_USE_TLS", "no", {"EMAIL_HOST": "192.0.2.1"})],
    "providers": [
        ("SANDBOX_URL", "http://sandbox.internal:8100", SANDBOX),
        ("STRIPE_URL", "http://api.stripe.com/v1", STRIPE),
        ("STRIPE_EU_URL", "http://api.stripe.com/v1", STRIPE),
    ],
    "monitoring": [
        ("BROKER_METRICS_URL", "http://mq.internal:15692", {}),
        ("SENTRY_DSN", "http://key@sentry.internal/7", {}),
    ],
}
"""By part: a setting, its value, and what the case needs beside it."""

EVERY = [(part, *case) for part, cases in FAR.items() for case in cases]

NEAR = [
    ("DATABASE_URL", "postgres://till:hush@127.0.0.1,[::1],localhost/shop"),
    ("DATABASE_URL", "postgres:///shop?host=/run/postgresql"),
    ("DATABASE_URL", "postgres:///shop"),
    ("DATABASE_URL", f"postgres://till:hush@a.internal,b.internal/shop?{VERIFIED}"),
    ("DATABASE_URL", "postgres://till:hush@db.internal/shop?gssencmode=require"),
    ("BROKER_URL", "amqp://till:hush@[::1]/till"),
    ("BROKER_URL", "amqps://till:hush@mq.internal/till"),
    ("SANDBOX_URL", "http://127.0.0.1:8100"),
    ("SANDBOX_URL", "https://sandbox.internal"),
    ("BROKER_METRICS_URL", "http://localhost:15692"),
    ("SENTRY_DSN", "https://key@sentry.internal/7"),
]


def start(directory: Path, name: str, value: str, **more: str) -> tuple[int, str]:
    """The status and the words of a start in production with this setting."""
    given = production(directory, **more)
    given.pop(f"{name}_FILE", None)
    (directory / "ca.pem").write_bytes(Path("/etc/ssl/certs/ca-certificates.crt").read_bytes())
    given |= {name: value.replace("%s", str(directory / "ca.pem")), "PATH": os.environ["PATH"]}
    given["DJANGO_SETTINGS_MODULE"] = "config.settings"
    ended = forked.run_code(given, "import django; django.setup()")
    return ended.returncode, ended.stderr


@pytest.mark.parametrize(("part", "name", "value", "more"), EVERY)
def test_production_refuses_another_host_without_verified_tls(
    tmp_path: Path, part: str, name: str, value: str, more: dict[str, str]
) -> None:
    """One sentence: the setting, what to write, and the way out for a network that encrypts by itself."""
    status, told = start(tmp_path, name, value, **more)

    assert (status, len(told.splitlines())) == (1, 1), told
    assert told.startswith(f"The setting {name} is ")
    assert f'TLS_EXCEPTIONS="{part}: ' in told
    assert "hush" not in told


@pytest.mark.parametrize(("part", "name", "value", "more"), EVERY)
def test_a_written_reason_is_enough(tmp_path: Path, part: str, name: str, value: str, more: dict[str, str]) -> None:
    """For this part and no other."""
    others = "; ".join(f"{each}: WireGuard" for each in FAR if each != part)
    assert start(tmp_path, name, value, **more, TLS_EXCEPTIONS=f"{part}: WireGuard") == (0, "")
    assert start(tmp_path, name, value, **more, TLS_EXCEPTIONS=others)[0] == 1


@pytest.mark.parametrize(("name", "value"), NEAR)
def test_this_host_and_verified_tls_need_no_reason(tmp_path: Path, name: str, value: str) -> None:
    """Nothing leaves the machine unencrypted."""
    assert start(tmp_path, name, value, **SANDBOX) == (0, "")


def test_a_mail_server_on_this_host_needs_no_tls(tmp_path: Path) -> None:
    """The shop's own relay."""
    assert start(tmp_path, "EMAIL_USE_TLS", "no", EMAIL_HOST="localhost") == (0, "")
    assert start(tmp_path, "EMAIL_USE_SSL", "yes", EMAIL_USE_TLS="no") == (0, "")


@pytest.mark.parametrize(
    "written",
    ["database", "database:", "database: ", "databases: WireGuard", ": WireGuard", "database: a; database: b"],
)
def test_a_reason_has_a_part_and_words(tmp_path: Path, written: str) -> None:
    """An exception without a reason is one that nobody reviews."""
    status, told = start(tmp_path, "TLS_EXCEPTIONS", written)

    assert (status, len(told.splitlines())) == (1, 1), told
    assert told.startswith(f"The setting TLS_EXCEPTIONS is {written.strip()!r}: write ")


@pytest.mark.parametrize("user", ["guest:guest@", ""])
def test_production_refuses_the_broker_s_own_user(tmp_path: Path, user: str) -> None:
    """Its password is public."""
    status, told = start(tmp_path, "BROKER_URL", f"amqps://{user}mq.internal/till")

    assert status == 1
    assert told.startswith("The setting BROKER_URL is '***': in production write a user of the shop's own")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((near, True) for near in ("", "localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]", "/run/pg", "@pg")),
        *((far, False) for far in ("db", "sandbox.localhost", "10.0.0.1", "::", "fe80::1%lo", "127.1")),
    ],
)
def test_which_hosts_are_this_one(host: str, expected: bool) -> None:
    """Only what cannot be anywhere else: a name may lead to another machine tomorrow."""
    assert is_this_host(host) is expected
