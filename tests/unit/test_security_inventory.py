"""deploy/SECURITY-INVENTORY.md lists every key, connection, table, log and limit of a form."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.forms.forms import BaseForm
from django.urls import reverse

from commerce import carts
from config.logging import configuration

ROOT = Path(settings.BASE_DIR)
PAGE = (ROOT / "deploy/SECURITY-INVENTORY.md").read_text()


SETTINGS = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", (ROOT / "deploy/SETTINGS.md").read_text(), re.MULTILINE))
"""Those of this shop: in this process other tests may have declared settings of their own."""


def section(heading: str) -> str:
    """The text below a heading."""
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_every_key_and_password_is_in_the_inventory() -> None:
    """Each setting that is a secret or holds one."""
    secrets = {name for name in SETTINGS if re.search(r"SECRET|PASSWORD|KEY|TOKEN|DSN", name)}
    named = set(re.findall(r"`([A-Z0-9_]+)`", section("Keys and passwords")))
    assert secrets | {"DATABASE_URL", "BROKER_URL"} == named & (secrets | {"DATABASE_URL", "BROKER_URL"})


def test_every_connection_is_in_the_inventory() -> None:
    """Each setting with the address of another part."""
    own = {"SHOP_URL", "CONSOLE_URL", "RUNBOOK_URL", "METRICS_HOST"}
    others = {name for name in SETTINGS if name.endswith(("_URL", "_HOST", "_DSN", "_PROXY"))} - own
    assert others - set(re.findall(r"`([A-Z0-9_]+)`", section("Connections"))) == set()


def test_every_table_has_its_class_of_data() -> None:
    """A new model is written into one row of the table."""
    ours = {model.__name__ for model in apps.get_models()} - {"Permission", "ContentType", "Task", "Console"}
    named = re.findall(r"\b[A-Z]\w+\b", "\n".join(re.findall(r"^\| .+? \| (.+?) \|", section("Data"), re.MULTILINE)))
    assert {model: named.count(model) for model in ours} == dict.fromkeys(ours, 1)


def test_every_output_of_the_log_is_in_the_inventory() -> None:
    """Lines go nowhere else."""
    outputs = configuration("json", "INFO", "shop.log")["handlers"]
    assert set(re.findall(r"^\| `(\w+)` \|", section("Logs"), re.MULTILINE)) == set(outputs)


def test_logs_are_closed_to_other_users() -> None:
    """Files that a unit writes, and those that logrotate makes."""
    units = (ROOT / "deploy/systemd/tillkeeper-.service.d/common.conf").read_text().splitlines()
    rotation = "".join(path.read_text() for path in (ROOT / "deploy/logrotate").iterdir())
    assert {"UMask=0077", "LogsDirectoryMode=0750"} <= set(units)
    assert re.findall(r"create (\d+)", rotation) == ["0640"]


def _forms(above: type = BaseForm) -> Iterator[type]:
    """The forms of visitors' pages; those of the admin only ask why."""
    form: type
    for form in above.__subclasses__():
        yield from _forms(form)
        if form.__module__.startswith("commerce.") and ".admin" not in form.__module__:
            yield form


def test_the_lengths_that_are_written_are_those_of_the_forms() -> None:
    """Each field of text stands there with its limit, and no other does."""
    reverse("catalogue")  # imports every page
    lengths = {
        f"{form.__name__}.{name}": f"{field.max_length:,}"
        for form in _forms()
        for name, field in vars(form)["base_fields"].items()
        if getattr(field, "max_length", None)
    }
    written = re.findall(r"^\| (\w+Form\.\w+) \| up to ([\d,]+) characters", section("Input"), re.MULTILINE)
    assert dict(written) == lengths
    assert f"1 to {carts.MAX_QUANTITY} of a product" in section("Input")


def test_costly_work_names_its_bound() -> None:
    """A setting, a test or a file, each of which the tests above and of the documents look for."""
    lines = re.findall(r"^\| (?!work|---)(.+?) \| (.+) \|$", section("Costly work"), re.MULTILINE)
    assert len(lines) > 5
    assert [work for work, bound in lines if not re.search("`|rows that workers claim", bound)] == []


def test_each_severity_has_its_days() -> None:
    """The worst first."""
    days = re.findall(r"^\| [a-z, ]+ \| (\d+) days \|$", section("Libraries"), re.MULTILINE)
    assert len(days) == 3
    assert sorted(days, key=int) == days


@pytest.mark.parametrize("lock", sorted((ROOT / "deploy/requirements").glob("*.txt")), ids=lambda path: path.name)
def test_every_library_is_locked_with_hashes(lock: Path) -> None:
    """One exact version, from the index, and no other file under its name."""
    each = re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n", "", lock.read_text()))
    exact = re.compile(r"[\w.-]+(\[[\w,-]+\])?==\S+ [\s\S]*--hash=sha256:[0-9a-f]{64}")
    assert [entry for entry in each if not exact.match(entry)] == []
