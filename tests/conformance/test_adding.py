"""To add a provider is so much work, and no more."""

import re
from pathlib import Path

from django.conf import settings

from billing.providers import REGISTRY
from config.accounts import PROVIDER_OPTIONS
from tests.conformance.cases import CASES

ROOT = Path(settings.BASE_DIR)


def test_every_provider_has_its_settings_and_its_case() -> None:
    """Who is in the registry can be configured, and was tried."""
    assert set(REGISTRY) == set(PROVIDER_OPTIONS) == set(CASES)
    assert all(case.provider == name for name, case in CASES.items())


def test_the_readme_lists_the_files() -> None:
    """Each exists, and those with the provider's name in them exist for every provider."""
    section = (ROOT / "README.md").read_text().split("**To add a provider**")[1].split("\n### ")[0]
    files = re.findall(r"^\| `([\w/.<>]+)` \|", section, re.MULTILINE)

    assert len(files) == 6
    for file in files:
        for name in sorted(set(REGISTRY) - {"sandbox"}):
            assert (ROOT / file.replace("<name>", name)).is_file(), file
