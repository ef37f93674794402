"""Billing in another project: billing/EMBEDDING.md, followed to the letter.

The project is what `django-admin startproject` writes, the files are the code blocks of the guide, and its processes
see nothing of ours but the copy that the guide makes.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from billing.sandbox import SandboxServer
from tests.plugin import postgres
from tests.stack.ports import HANG_S, free_port, wait_until
from tests.stack.processes import Program
from tests.stack.rabbitmq import RabbitMQ

pytestmark = pytest.mark.django_db(transaction=False)

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "billing/EMBEDDING.md").read_text()
FILES = re.findall(r"^`(\w+/\w+\.py)`(, at its end)?.*?^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)

SETTLE_S = 180.0
"""A hundred times what a payment takes on a quiet machine, from the buyer's click to the ticket's page."""

FORM_TOKEN = "a" * 32  # Django compares the form's token with the cookie's; both are the browser's to send


class Museum:
    """The scratch project: its files, its processes, its visitors."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url, self.sandbox_url = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "TILLKEEPER": str(ROOT),
            "SHOP_URL": self.url,
            "SANDBOX_URL": self.sandbox_url,
            "FAST_TRACK_INTERVAL_S": "1",
            "METRICS_PORT": str(free_port()),
            "SCHEDULER_METRICS_PORT": str(free_port()),
        }
        self.programs: list[Program] = []

    def build(self, *more_settings: str) -> None:
        """Follow the page from top to bottom; a museum with settings of its own has them already."""
        copy, tables = COMMANDS
        self.shell("django-admin startproject gallery . && python manage.py startapp museum")
        self.shell(copy)
        for name, at_its_end, code in FILES:
            with (self.directory / name).open("a" if at_its_end else "w") as file:
                file.write(f"\n\n{code}")
        with (self.directory / "gallery/settings.py").open("a") as file:
            file.writelines(f"{line}\n" for line in more_settings)
        self.shell(tables)

    def shell(self, commands: str) -> None:
        """Run commands as the page tells them; each of them must succeed."""
        done = self._run("bash", "-euo", "pipefail", "-c", commands)
        assert done.returncode == 0, done.stdout + done.stderr

    def python(self, code: str, **changes: str) -> str:
        """Ask, or change, what the museum knows, in a process of its own."""
        imports = "from billing.models import *\nfrom django.db.models.functions import Now"
        done = self.manage("shell", "-v0", "-c", f"{imports}\n{code}", **changes)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def manage(self, *words: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        """One of Django's commands, in the environment with these changes."""
        return self._run(sys.executable, "manage.py", *words, **changes)

    def program(self, *words: str) -> Program:
        """A command that stays."""
        command = [sys.executable, "manage.py", *words]
        self.programs.append(Program(words[0], command, self.environment, self.directory))
        return self.programs[-1]

    def complaints(self) -> list[str]:
        """What the programs have logged of things that went wrong."""
        lines = [line for program in self.programs for line in program.output().splitlines()]
        return [line for line in lines if re.search(r"nudge\.failed|\bERROR\b|^Traceback", line)]

    def _run(self, *command: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        environment = self.environment | changes
        return subprocess.run(
            command, cwd=self.directory, env=environment, text=True, capture_output=True, timeout=HANG_S, check=False
        )

    def answers(self) -> bool:
        """Does the web answer?"""
        try:
            return requests.get(f"{self.url}/admin/login/", timeout=HANG_S).ok
        except requests.RequestException:
            return False

    # --- visitors ----------------------------------------------------------------------------------------------------

    def buy(self) -> tuple[str, str]:
        """A visitor asks for a ticket and is sent to the provider's page; returns the ticket's number and the page."""
        answer = requests.post(
            f"{self.url}/tickets/",
            {"visitor": "ann@example.com", "csrfmiddlewaretoken": FORM_TOKEN},
            cookies={"csrftoken": FORM_TOKEN},
            allow_redirects=False,
            timeout=HANG_S,
        )
        assert answer.status_code == 302, answer.text
        pay_url = answer.headers["Location"]
        assert pay_url.startswith(f"{self.sandbox_url}/pay/")
        payments = requests.get(f"{self.sandbox_url}/control/payments", timeout=HANG_S).json()["payments"]
        return next(each["reference"] for each in payments if pay_url.endswith(each["id"])), pay_url

    def pay(self, pay_url: str) -> None:
        """The visitor pays and closes the tab, so that nobody comes back."""
        requests.post(pay_url, {"action": "pay", "stay": "1"}, timeout=HANG_S).raise_for_status()

    def ticket(self, number: str) -> dict[str, Any]:
        """What the ticket's page says; to look at it makes nobody ask the provider."""
        shown: dict[str, Any] = requests.get(f"{self.url}/tickets/{number}/", timeout=HANG_S).json()
        return shown

    def wait_until_paid(self, number: str, timeout_s: float) -> str:
        """Returns when it was paid."""
        wait_until(lambda: self.ticket(number)["paid_at"], "the ticket was paid", timeout_s)
        return str(self.ticket(number)["paid_at"])

    def found_by(self, number: str) -> str:
        """Whose question found the payment's outcome."""
        return self.python(f"print(Payment.objects.get(reference={number!r}).found_by)")

    def callbacks(self, *, lost: bool) -> None:
        """The provider loses every callback from now on, or none."""
        requests.post(
            f"{self.sandbox_url}/control/callbacks", json={"lose_all": lost}, timeout=HANG_S
        ).raise_for_status()


def _in_one_process(museum: Museum, parts: ExitStack) -> None:
    """SQLite, the broker in memory, and the sandbox provider, all in `runlocal`."""
    museum.build()
    parts.enter_context(museum.program("runlocal"))


def _in_many_processes(museum: Museum, parts: ExitStack) -> None:
    """PostgreSQL and RabbitMQ between web, worker, scheduler and provider."""
    database = urlsplit(postgres().create_database("museum"))
    place = {"NAME": "museum", "USER": database.username, "HOST": database.hostname, "PORT": database.port}
    rabbitmq = parts.enter_context(RabbitMQ())
    museum.environment["BROKER_URL"] = rabbitmq.url
    museum.build(f"DATABASES = {{'default': {{'ENGINE': 'django.db.backends.postgresql', **{place!r}}}}}")
    parts.enter_context(SandboxServer(port=urlsplit(museum.sandbox_url).port or 0))
    for command in (
        ("runserver", "--noreload", urlsplit(museum.url).netloc),
        ("rundramatiq", "--processes", "1", "--threads", "4", "--skip-logging"),
        ("runscheduler",),
    ):
        parts.enter_context(museum.program(*command))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(_in_one_process, id="in_one_process"),
        pytest.param(_in_many_processes, id="in_many_processes", marks=pytest.mark.campaign),
    ],
)
def museum(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Museum]:
    """The museum, open."""
    museum = Museum(tmp_path_factory.mktemp("museum"))
    with ExitStack() as parts:
        request.param(museum, parts)
        wait_until(museum.answers, "the museum answered")
        yield museum


def test_a_ticket_whose_callback_was_lost_is_paid_by_the_sweep(museum: Museum) -> None:
    """The schedule of the museum ticks `check_pending_payments`; the museum's own actor settles."""
    museum.callbacks(lost=True)
    number, pay_url = museum.buy()
    assert museum.ticket(number) == {"visitor": "ann@example.com", "paid_at": None}

    museum.pay(pay_url)

    museum.wait_until_paid(number, SETTLE_S)
    assert museum.found_by(number) == "schedule"


def test_a_ticket_is_paid_by_the_callback(museum: Museum) -> None:
    """Even where nobody would have looked for an hour."""
    museum.callbacks(lost=False)
    number, pay_url = museum.buy()
    museum.python(
        "from datetime import timedelta\n"
        f"Payment.objects.filter(reference={number!r}).update(next_check_at=Now() + timedelta(hours=1), claims=0)"
    )

    museum.pay(pay_url)

    museum.wait_until_paid(number, SETTLE_S)
    assert museum.found_by(number) == "callback"
    assert museum.complaints() == []


def test_a_ticket_is_paid_once_however_often_its_events_are_settled(museum: Museum) -> None:
    """An event that comes again finds the ticket paid."""
    number, pay_url = museum.buy()
    museum.pay(pay_url)
    paid_at = museum.wait_until_paid(number, SETTLE_S)
    unsettled = f"PaymentEvent.objects.filter(payment__reference={number!r}, settle_after__isnull=False)"
    museum.python(f"PaymentEvent.objects.filter(payment__reference={number!r}).update(settle_after=Now())")

    wait_until(lambda: museum.python(f"print({unsettled}.count())") == "0", "its events were settled again", SETTLE_S)

    assert museum.ticket(number)["paid_at"] == paid_at


def test_the_visitor_who_comes_back_sees_the_ticket(museum: Museum) -> None:
    """The return page leads there."""
    number, _ = museum.buy()

    page = requests.get(f"{museum.url}/tickets/{number}/back/", timeout=HANG_S)

    assert page.url == f"{museum.url}/tickets/{number}/"
    assert page.json()["visitor"] == "ann@example.com"


@pytest.mark.parametrize("table", ["payment", "paymentevent", "callback"])
def test_payments_are_in_the_museums_admin(museum: Museum, table: str) -> None:
    """A page that does not exist asks nobody to log in."""
    page = requests.get(f"{museum.url}/admin/billing/{table}/", timeout=HANG_S, allow_redirects=False)

    assert (page.status_code, urlsplit(page.headers["Location"]).path) == (302, "/admin/login/")


@pytest.mark.parametrize("kept", [True, False])
def test_a_project_that_uses_django_dramatiqs_table_of_tasks_keeps_its_page(museum: Museum, kept: bool) -> None:
    """Where its middleware is not in the list the table stays empty, and the page is taken away."""
    middleware = ["django_dramatiq.middleware.AdminMiddleware"] * kept
    more = f"from gallery.settings import *\nDRAMATIQ_BROKER['MIDDLEWARE'] += {middleware}\n"
    (museum.directory / "gallery/more.py").write_text(more)
    question = "from django.contrib import admin\nfrom django_dramatiq.models import Task"

    answer = museum.python(f"{question}\nprint(admin.site.is_registered(Task))", DJANGO_SETTINGS_MODULE="gallery.more")

    assert answer == str(kept)


def test_the_tables_are_those_of_our_migrations(museum: Museum) -> None:
    """Whatever the project's DEFAULT_AUTO_FIELD is: it would otherwise be asked for migrations of our apps."""
    done = museum.manage("makemigrations", "--check", "--dry-run")

    assert (done.returncode, done.stdout.strip()) == (0, "No changes detected"), done.stdout + done.stderr


def test_nothing_of_our_shop_is_there(museum: Museum) -> None:
    """Nor does anything that was copied ask for it."""
    importing = re.compile(r"^\s*(from|import) commerce\b", re.MULTILINE)

    assert not (museum.directory / "commerce").exists()
    assert [path for path in museum.directory.rglob("*.py") if importing.search(path.read_text())] == []


def test_a_settling_actor_that_nobody_declares_stops_the_start(museum: Museum) -> None:
    """Otherwise every payment that moves would nudge nobody, and only the log would know."""
    wrong = "from gallery.settings import *\nPAYMENT_SETTLING_ACTOR = 'settle_paintings'\n"
    (museum.directory / "gallery/wrong.py").write_text(wrong)

    done = museum.manage("check", DJANGO_SETTINGS_MODULE="gallery.wrong")

    assert done.returncode == 1
    assert "PAYMENT_SETTLING_ACTOR is 'settle_paintings', but no module of ACTOR_MODULES declares" in done.stderr


def test_the_page_shows_every_file_that_it_speaks_of() -> None:
    """Or the tests above would not be about the page."""
    assert [name for name, _, _ in FILES] == re.findall(r"^`(\w+/\w+\.py)`", GUIDE, re.MULTILINE)
    assert len(FILES) == GUIDE.count("```python")
    assert len(COMMANDS) == 2
