"""The documents say what the code does."""

import re
from pathlib import Path

import dramatiq
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.urls import resolve

from actors.management.commands.metrics import catalogue, markdown
from actors.scheduling.table import entries
from actors.shop import SHOP
from billing.providers import options
from billing.providers.stripe.adapter import Stripe
from config.cli import command as cli_command
from config.due.queue import Due, DueRow
from config.env import reference
from config.env.reference import REMOVED, described
from tests.money.invariants import INVARIANTS

ROOT = Path(settings.BASE_DIR)
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
METRICS = ROOT / "deploy/METRICS.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/*.md")])
LONGEST_README = 200
"""Lines that a reader can take in within five minutes."""

KINDS: list[Due] = [kind.due for kind in SHOP.kinds]  # type: ignore[type-arg]


each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")


def section_of(document: str, heading: str) -> str:
    """The text below a heading of the second level."""
    return document.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def anchors_of(document: Path) -> set[str]:
    """The names that pages on the web give to its headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def due_rows() -> set[type]:
    """Every model that carries slow work."""
    return {model for model in apps.get_models() if issubclass(model, DueRow)}


def table_of_slow_work() -> str:
    """The section of the README."""
    return section_of(README, "The slow work")


def test_the_readme_is_short() -> None:
    """All else is in the README of a package."""
    assert len(README.splitlines()) <= LONGEST_README


def test_every_package_has_a_readme_and_the_readme_leads_to_each() -> None:
    """The tests' own is for contributors."""
    packages = {"config", "billing", "commerce", "actors", "deploy"}
    assert packages | {"tests"} <= {document.parent.name for document in DOCUMENTS if document.name == "README.md"}
    assert {name for name in packages if f"]({name}/README.md)" not in README} == set()


def test_what_always_holds_is_checked_line_by_line() -> None:
    """Each line of the list is one check of the machine, with the same words and in the same order."""
    section = section_of(README, "What always holds")
    promised = re.findall(r"^\d\. \*\*(.+?)\.?\*\*", section, re.MULTILINE)
    checked = [(holds.__doc__ or "").splitlines()[0].rstrip(".") for holds in INVARIANTS]
    assert promised == checked


def test_every_kind_of_slow_work_is_known_here() -> None:
    """A new one belongs in the list that the console uses, and in the table."""
    assert {kind.model for kind in KINDS} == due_rows()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.model.__name__)
def test_the_table_of_slow_work_names_each_due_column(kind: Due) -> None:  # type: ignore[type-arg]
    """By table and column, as the database has them."""
    noun = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.model.__name__).lower()
    assert f"| `{noun}.{kind.column}` |" in table_of_slow_work()


def test_the_readme_names_every_actor_and_no_other() -> None:
    """The table is the map of the messages."""
    actors = set(dramatiq.get_broker().actors)
    assert actors - set(re.findall(r"`(\w+)`", README)) == set()


def test_the_readme_tells_how_often_each_sweep_runs() -> None:
    """As the schedule has it."""
    for entry in entries():
        period = str(entry.period)
        if period.startswith("every") and entry.actor != "check_pending_payments":
            assert f"`{entry.actor}`, {period}" in table_of_slow_work(), entry.actor


def test_the_page_about_metrics_is_the_catalogue() -> None:
    """Each series with its labels and its meaning, and no other."""
    assert METRICS.read_text() == markdown(), "run `manage.py metrics --markdown > deploy/METRICS.md`"


def test_every_series_that_is_named_exists() -> None:
    """In the advice above the table as well, with what a histogram adds to its name."""
    named = set(re.findall(r"\b(?:tillkeeper|dramatiq)_\w*[a-z]\b(?!:)", METRICS.read_text()))
    assert named <= {series.name for series in catalogue()}


@each_document
def test_every_target_that_is_named_exists(document: Path) -> None:
    """`make something` works."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ((?:[a-z-]+ )*[a-z-]+)`", document.read_text()))
    assert {word for words in named for word in words.split()} <= targets


def table_from_celery() -> list[tuple[str, str]]:
    """The two columns of its tables: tasks, commands, code, settings, files."""
    section = section_of((ROOT / "deploy/FROM_CELERY.md").read_text(), "There and here")
    rows = re.findall(r"^\| (.+) \| (.+) \|$", section, re.MULTILINE)
    return [(there, here) for there, here in rows if not there.startswith("---") and here != "here"]


@pytest.mark.parametrize(
    "there",
    [
        "worker", "worker --beat", "beat", "events", "Flower", "inspect active", "inspect registered",
        "inspect scheduled", "inspect stats", "inspect reserved", "redis-server", "redis-cli", "docker-compose",
        "docker-compose up -d redis", "logs -f", "prefork",
        "runserver", "supervisorctl", "systemctl", "requirements.txt", "test_background_payment_integration.py",
        ".delay(", "apply_async(countdown", "shared_task", "self.retry", "beat_schedule", "rate limiting",
        "Prometheus", "Grafana", "Sentry", "notifications of critical errors", "history of tasks",
        "send_pending_emails", "send_order_confirmation", "send_seller_notification", "cleanup_old_carts",
        "generate_daily_report", "process_payment_callback", "send_review_reminder", "check_pending_payments",
        "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CELERY_TASK_SERIALIZER", "CELERY_RESULT_SERIALIZER",
        "CELERY_ACCEPT_CONTENT", "CELERY_TASK_TRACK_STARTED", "CELERY_TASK_TIME_LIMIT", "PAYMENT_CHECK_INTERVAL_S",
        "FAST_TRACK_LIMIT_S", "FAST_TRACK_INTERVAL_S", "SLOW_TRACK_INTERVAL_S", "PAYMENT_ATTEMPTS_LIMIT",
        "PAYMENT_API_TIMEOUT_S", "shops/settings.py", "shops/celery.py", "store/tasks.py", "payments/tasks.py",
        "celerybeat-schedule", "/etc/supervisor/conf.d/celery.conf", "/etc/systemd/system/celery",
        "logs/coffee_payment.log", "/var/log/celery", "payment_status_service",
    ],
)  # fmt: skip
def test_a_reader_who_comes_from_celery_finds_it(there: str) -> None:
    """Each command, task, setting and file of the two set-ups that this one replaces."""
    assert any(there in left for left, _ in table_from_celery())


def test_what_it_is_here_exists() -> None:
    """Every command and actor of the right column; verbs, settings, targets and files have tests of their own."""
    here = " ".join(right for _, right in table_from_celery())
    commands = set(re.findall(r"`manage\.py (\w+)", here))
    words = set(re.findall(r"`([a-z]+_[a-z_]+)`", here))
    assert commands - set(get_commands()) == set()
    assert words - {"nudge"} <= set(dramatiq.get_broker().actors)


@pytest.mark.parametrize("command", ["jobs", "payments"])
def test_every_verb_that_is_named_exists(command: str) -> None:
    """Of the commands that have some."""
    usage = load_command_class(get_commands()[command], command).create_parser("manage.py", command).format_help()
    verbs = set(re.findall(rf"manage\.py {command} (\w+)", "".join(document.read_text() for document in DOCUMENTS)))
    assert verbs
    assert {verb for verb in verbs if not re.search(rf"\b{verb}\b", usage)} == set()


def test_every_target_explains_itself() -> None:
    """`make` alone lists all that one may call."""
    makefile = (ROOT / "Makefile").read_text()
    public = set(re.findall(r"^\.PHONY: ([\w-]+)", makefile, re.MULTILINE))
    assert public == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if each.name != "SETTINGS.md"], ids=str)
def test_every_setting_that_is_named_exists(document: Path) -> None:
    """No setting of the past, no misspelt one."""
    known = (
        set(dir(settings))
        | reference.names()
        | {one.name for one in described(lambda: options.read("stripe-eu", Stripe))}
        | {"DRAMATIQ_BROKER", "NULL", "SERVICES", "DESTDIR", "RUNNING"}
        | {"WORKER_THREADS", "WEB_CONCURRENCY"}  # of units
        | {"TILLKEEPER", "ATOMIC_REQUESTS"}  # of another project
        | {"TEST_DATABASE", "FUZZ_MINUTES", "HANG_S", "SEED", "REQUESTS", "ORDERS", "SURGE_S"}  # of the tests
        | {"REFUND_QUEUE", "REFUNDS_TOTAL", "OPEN_STATES"}  # examples of names in the code
        | (REMOVED if document.name == "CHANGELOG.md" else set())
    )
    named = set(re.findall(r"`([A-Z][A-Z_]{3,})(?:=[^`]*)?`", document.read_text()))
    unknown = {name.removesuffix("_FILE") for name in named - known if not name.startswith("CELERY_")} - known
    assert unknown == set()


@each_document
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    """Of this repository, or to a page of the shop; addresses on the web are not asked."""
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)", text):
        if target.startswith("/"):
            resolve(target)
            continue
        file = document.parent / target if target else document
        assert file.exists(), target
        assert not anchor or anchor in anchors_of(file), f"{target}#{anchor}"


def test_adding_a_kind_of_work_names_files_that_are_there() -> None:
    """Those with a placeholder stand in every room that has such work."""
    section = section_of(CONTRIBUTING, "Add a kind of work")
    files = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    assert [file for file in files if "<" not in file and not (ROOT / file).exists()] == []
    assert {"actors/scheduling/table.py", "actors/shop.py", "README.md"} <= set(files)


def test_the_exit_statuses_are_documented_as_they_are() -> None:
    """One rule, in one table."""
    section = section_of((ROOT / "actors/README.md").read_text(), "The command line")
    rows = dict(re.findall(r"^\| (\d) \| (.+) \|$", section, re.MULTILINE))
    assert set(rows) == {"0", str(cli_command.SOMETHING_LEFT), str(cli_command.NO_ANSWER)}
    assert rows[str(cli_command.NO_ANSWER)].startswith("no answer")
