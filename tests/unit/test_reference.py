"""deploy/SETTINGS.md says what the code does, and all of it."""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

import pytest
import trustme

from config import env
from config.env.reference import REPEATED, SETTINGS, Repeated, Setting, described
from tests import forked

ROOT = Path(__file__).resolve().parents[2]
EVERY = {**{one.name: one for each in REPEATED for one in described(each.read)}, **SETTINGS}
SECRETS = "/etc/tillkeeper/secrets"
OWN_KEYS = {"SANDBOX_API_KEY": "own-key", "SANDBOX_CALLBACK_SECRET": "own-secret"}


def manage(environment: dict[str, str], *words: str) -> forked.Completed:
    """A command in a fresh process with nothing but these settings."""
    return forked.manage({"PATH": os.environ["PATH"], **environment}, *words)


def production(directory: Path, **changes: str) -> dict[str, str]:
    """deploy/production.env as a shell reads it, with its files in the directory."""
    lines = shlex.split((ROOT / "deploy/production.env").read_text(), comments=True)
    given = {name: value.replace(SECRETS, str(directory)) for name, _, value in (line.partition("=") for line in lines)}
    for name in [name for name in given if name.endswith("_FILE")]:
        content = URLS.get(name, "aB3-xY7_" * 8)
        Path(given[name]).write_text(f"{content}\n")
    return {**given, "VAR_DIR": str(directory / "var"), **changes}


URLS = {
    "DATABASE_URL_FILE": "postgres://till:hush@db.internal/shop?sslmode=verify-full",
    "BROKER_URL_FILE": "amqps://till:hush@mq.internal/till",
}


def test_the_page_is_what_the_code_says(tmp_path: Path) -> None:
    """Whatever is set where it is made: here another provider's account, with settings of its own."""
    keys = {"STRIPE_EU_SECRET_KEY": "a", "STRIPE_EU_CALLBACK_SECRET": "b", "SLOW_TRACK_INTERVAL_S": "77"}
    made = manage({"VAR_DIR": str(tmp_path), "PAYMENT_ACCOUNTS": "stripe-eu:stripe", **keys}, "settings", "--markdown")

    assert made.stdout == (ROOT / "deploy/SETTINGS.md").read_text(), (
        "run: python manage.py settings --markdown > deploy/SETTINGS.md"
    )


def test_the_names_alone_are_a_list(tmp_path: Path) -> None:
    """One a line, for a shell."""
    listed = manage({"VAR_DIR": str(tmp_path)}, "settings").stdout.split()

    assert listed == sorted(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_every_setting_explains_itself(name: str) -> None:
    """What for, what a wrong one does, and an example; in one cell of a table each."""
    setting = EVERY[name]
    for cell in (setting.help, setting.wrong, setting.example, setting.kind):
        assert cell
        assert "|" not in cell
        assert "\n" not in cell


@pytest.mark.parametrize("name", [name for name in EVERY if EVERY[name].kind.startswith(("number", "whole number"))])
def test_a_number_has_its_unit_in_its_name(name: str) -> None:
    """Nobody has to guess whether it is seconds or minutes; a port is no quantity."""
    assert EVERY[name].unit or name.endswith("_PORT")


def test_what_is_only_described_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting without a default needs none then, and a wrong value stops nobody."""
    monkeypatch.setenv("SOME_NUMBER_S", "nonsense")

    found = described(lambda: (env.text("SOME_TEXT", help="for a test"), env.seconds("SOME_NUMBER_S", 5)))

    assert [(one.name, one.default) for one in found] == [("SOME_TEXT", None), ("SOME_NUMBER_S", "5")]
    assert "SOME_TEXT" not in SETTINGS


def test_a_secret_is_declared_without_its_default() -> None:
    """Neither the public ones of the sandbox nor the one this machine made for itself."""
    [found] = described(lambda: env.secret("SOME_SECRET", "hush"))

    assert found.default == "***"


SECTIONS = list(dict.fromkeys(one.section for one in SETTINGS.values()))
ALTERNATIVES = {"EMAIL_HOST_PASSWORD": "EMAIL_OAUTH2_TOKEN", "EMAIL_USE_TLS": "EMAIL_USE_SSL"}
"""Settings that exclude each other: each is tried without its partner."""


def examples(found: list[Setting], directory: Path, without: Iterable[str] = ()) -> dict[str, str]:
    """The environment that the examples make. Paths lie in the directory, and files of secrets exist there."""
    given = {}
    for one in found:
        name, _, value = one.example.rpartition("=") if "_FILE=" in one.example else (one.name, "", one.example)
        if one.name not in without:
            path = directory / value.removeprefix("/")
            given[name] = str(path) if value.startswith("/") else value
        if "_FILE=" in one.example or one.example.endswith(".pem"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(trustme.CA().cert_pem.bytes() if path.suffix else b"aB3-xY7_" * 8)
    return given


@pytest.mark.parametrize(
    ("section", "without"), [*((each, ALTERNATIVES.keys()) for each in SECTIONS), ("Mail", ALTERNATIVES.values())]
)
def test_the_examples_of_a_section_make_a_start(tmp_path: Path, section: str, without: Iterable[str]) -> None:
    """What the page offers to copy is taken by the reader of the setting, and by all that read it at a start."""
    (tmp_path / "var/log/tillkeeper").mkdir(parents=True)
    found = [one for one in SETTINGS.values() if one.section == section]
    keys = {"STRIPE_SECRET_KEY": "a", "STRIPE_CALLBACK_SECRET": "b"}
    keys |= {name.replace("STRIPE", "STRIPE_EU"): value for name, value in keys.items()}
    base = {"VAR_DIR": str(tmp_path / "var"), "PAYMENT_ACCOUNTS": "stripe,stripe-eu:stripe", **keys}
    if section == "Mode":
        base = production(tmp_path)

    ended = manage({**base, **examples(found, tmp_path, without)}, "check")

    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("each", REPEATED, ids=lambda each: str(each.title))
def test_the_examples_of_an_account_make_a_start(tmp_path: Path, each: Repeated) -> None:
    """The same for the settings that exist once for each account."""
    account = each.title.rpartition(" ")[2]
    given = {"VAR_DIR": str(tmp_path / "var"), "PAYMENT_ACCOUNTS": account}

    ended = manage({**given, **examples(described(each.read), tmp_path)}, "check")

    assert (ended.returncode, ended.stderr) == (0, "")


def test_check_deploy_is_clean_with_the_shipped_environment(tmp_path: Path) -> None:
    """Warnings count, those about security first of all."""
    checked = manage(production(tmp_path), "check", "--deploy", "--fail-level", "WARNING")

    assert (checked.returncode, checked.stderr) == (0, "")
    assert "no issues" in checked.stdout


def test_the_shipped_environment_has_no_setting_that_does_not_exist(tmp_path: Path) -> None:
    """No misspelt one, which would be ignored without a word."""
    names = {name.removesuffix("_FILE") for name in production(tmp_path)}
    assert names <= set(EVERY)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHOP_URL", "http://shop.tillcoffee.example"),
        ("ALLOWED_HOSTS", "*"),
        ("DATABASE_URL", "sqlite:////tmp/shop.sqlite3"),
        ("BROKER_URL", ""),
        ("EMAIL_HOST", ""),
        ("EMAIL_FROM", "Shop <shop@example.com>"),
        ("SECRET_KEY", "short"),
        ("SANDBOX_API_KEY", ""),
        ("SANDBOX_CALLBACK_SECRET", ""),
    ],
)
def test_production_refuses_what_is_only_good_for_a_trial(tmp_path: Path, name: str, value: str) -> None:
    """One line that names the setting; the sandbox may be used, with keys that are not public."""
    given = production(tmp_path, PAYMENT_ACCOUNTS="sandbox", **OWN_KEYS)
    given.pop(f"{name}_FILE", None)

    ended = manage({**given, name: value}, "check")

    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert ended.stderr.startswith(f"The setting {name} ")


def test_production_takes_the_sandbox_with_keys_of_its_own(tmp_path: Path) -> None:
    """What the tests above change one setting of."""
    assert manage(production(tmp_path, PAYMENT_ACCOUNTS="sandbox", **OWN_KEYS), "check").returncode == 0
