"""To add a provider: write its file, and add a line to `billing.providers.REGISTRY`. Nothing else changes."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from billing.providers import REGISTRY, options
from billing.providers.sandbox import Sandbox
from config import env
from config.env import reference
from config.env.reference import described
from config.errors.scrubbing import secrets_in
from tests.conformance.cases import CASES

ROOT = Path(settings.BASE_DIR)


class PiggyBank(Sandbox):
    """A provider of tomorrow."""

    rate_limit_per_s = 3

    @staticmethod
    def read_options(prefix: str) -> dict[str, str]:
        return {
            "url": options.api_url(f"{prefix}_URL", "https://piggy.example"),
            "coin_key": env.secret(f"{prefix}_COIN_KEY", help="Its key.", wrong="No coins.", example="oink"),
        }


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> options.Registry:
    """The registry with one line more."""
    monkeypatch.setenv("JAR_COIN_KEY", "oink-oink")
    return {**REGISTRY, "piggy": PiggyBank}


def test_every_provider_was_tried() -> None:
    """Each in the registry has its case."""
    assert set(REGISTRY) == set(CASES)
    assert all(case.provider == name for name, case in CASES.items())


def test_its_settings_are_read_at_the_start(registry: options.Registry) -> None:
    """Its own, and those of every account; the secret is known to the scrubbing of errors."""
    accounts = {"jar": {"provider": "piggy"}}

    options.complete(accounts, registry)

    own = {"provider": "piggy", "url": "https://piggy.example", "coin_key": "oink-oink"}
    assert accounts == {"jar": own | {"rate_limit_per_s": "3", "polling_policy": "two-track"}}
    assert secrets_in({"PAYMENT_ACCOUNTS": accounts}) == {"oink-oink"}


def test_a_setting_that_is_missing_stops_the_start(registry: options.Registry) -> None:
    """With the sentence that every setting has."""
    with pytest.raises(env.WrongSetting, match=r"The setting PURSE_COIN_KEY is not set: .* write a value like oink\."):
        options.complete({"purse": {"provider": "piggy"}}, registry)


def test_its_settings_are_in_the_reference(registry: options.Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a section of its own, after the others."""
    monkeypatch.setattr(reference, "REPEATED", [*reference.REPEATED])
    options.describe(registry)

    assert {"PIGGY_COIN_KEY", "PIGGY_RATE_LIMIT_PER_S", "STRIPE_SECRET_KEY"} <= reference.names()
    assert "## Each account at piggy" in reference.markdown()


def test_config_names_no_provider() -> None:
    """But for examples in the texts of its settings, and settings of the past."""
    names = re.compile("|".join(set(REGISTRY) - {"sandbox"}), re.IGNORECASE)
    naming = {str(path.relative_to(ROOT)) for path in (ROOT / "config").rglob("*.py") if names.search(path.read_text())}
    assert naming <= {"config/env/payments.py", "config/env/reference.py"}


@pytest.mark.parametrize("name", REGISTRY)
def test_a_key_is_forgotten_later_than_it_is_used(name: str) -> None:
    """The providers remember keys for a day; a refund is not repeated for that long."""
    assert 1 <= REGISTRY[name].key_kept.total_seconds() / 3600 < 24


def test_every_account_has_an_address_and_a_limit() -> None:
    """Whatever else its provider needs."""
    for name, provider in REGISTRY.items():
        read = [one.name for one in described(lambda name=name, provider=provider: options.read(name, provider))]  # type: ignore[misc]
        assert f"{name.upper()}_URL" in read
        assert read[-2:] == [f"{name.upper()}_RATE_LIMIT_PER_S", f"{name.upper()}_POLLING_POLICY"]


def test_contributing_lists_the_files() -> None:
    """Each exists, and those with the provider's name in them exist for every provider."""
    section = (ROOT / "CONTRIBUTING.md").read_text().split("\n## Add a provider\n")[1].split("\n## ")[0]
    files = re.findall(r"^\| `([\w/.<>]+)` \|", section, re.MULTILINE)

    assert len(files) == 5
    for file in files:
        for name in sorted(set(REGISTRY) - {"sandbox"}):
            path = ROOT / file.replace("<name>", name)
            assert path.is_file() or path.with_suffix("").is_dir(), file
