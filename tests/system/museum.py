"""A museum that sells tickets with billing, made as billing/EMBEDDING.md says, and what holds in any project."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
from tests.system import cookiecutter

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "billing/EMBEDDING.md").read_text()
FILES = re.findall(
    r"^(At the end of your \w+ \()?`([\w/]+\.\w+)`(?:, or `([\w/.]+)`)?.*?^```(?:python|html)\n(.*?)^```",
    GUIDE,
    re.MULTILINE | re.DOTALL,
)
COPY, TABLES = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)

SETTLE_S = 180.0
"""A hundred times what a payment takes on a quiet machine, from the buyer's click to the ticket's page."""

OPERATOR = re.compile(r"/admin/ +(\S+) / (\S+)")

EVERY_WORD = """
from contextlib import redirect_stdout
from io import StringIO
from django.core.management import CommandError, call_command
from actors.management.commands.jobs import PARTS
more = {"pause": ["settle_tickets", "--why", "a test"], "resume": ["settle_tickets"], "retry": ["--all"]}
for word in PARTS:
    try:
        with redirect_stdout(StringIO()):
            call_command("jobs", word, *more.get(word, []))
        print(word, 0)
    except CommandError as error:
        print(word, error.returncode)
"""

WITHOUT_CONSOLE = """
from django.contrib.auth import get_user_model
from django.test import Client
from actors.runtime.embedded import operator_login
operator_login()
boss = get_user_model().objects.filter(is_superuser=True).first()
client = Client(SERVER_NAME="127.0.0.1")
client.force_login(boss)
for address in ("/admin/", "/admin/billing/payment/", "/admin/console/"):
    print(client.get(address).status_code)
"""


class Museum:
    """The scratch project: its files, its processes, its visitors."""

    config = "config"
    """The name of our package there."""

    settings = "gallery/settings.py"

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
        self.start()
        self.shell("python manage.py startapp museum")
        assert self.shell(COPY, status=1).endswith("at this address\n"), "what is left to do ends with the addresses"
        for at_its_end, name, other, code in FILES:
            path = self.directory / (other if other and self.config != "config" else name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a" if at_its_end else "w") as file:
                file.write(f"\n\n{self.in_its_words(code)}")
        with (self.directory / self.settings).open("a") as file:
            file.writelines(f"{line}\n" for line in more_settings)
        assert self.shell(TABLES).endswith("Nothing is left to do.\n")

    def start(self) -> None:
        """The project, before anything of ours is there."""
        self.shell("django-admin startproject gallery .")

    def in_its_words(self, code: str) -> str:
        """As the page says: another name for our `config`."""
        return re.sub(r'\bconfig(?=\.)|(?<=")config(?=")', self.config, code)

    def shell(self, commands: str, status: int = 0) -> str:
        """Run commands as the page tells them. Returns what they print."""
        done = self._run("bash", "-uo", "pipefail", *["-e"] * (status == 0), "-c", commands)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def other_settings(self, name: str, code: str) -> str:
        """The name of a module with the museum's settings and these."""
        module = self.settings.removesuffix(".py").replace("/", ".")
        if self.config != "config":
            module = module.replace("base", "local")
        (self.directory / f"{name}.py").write_text(f"from {module} import *\n{code}\n")
        return name

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
        return [line for line in lines if re.search(r"nudge\.failed|\bERROR\b|^Traceback|has been discarded", line)]

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
        answer = self.fill_in(requests.Session(), "/tickets/", visitor="ann@example.com")
        assert answer.status_code == 302, answer.text
        pay_url = answer.headers["Location"]
        assert pay_url.startswith(f"{self.sandbox_url}/pay/")
        payments = requests.get(f"{self.sandbox_url}/control/payments", timeout=HANG_S).json()["payments"]
        return next(each["reference"] for each in payments if pay_url.endswith(each["id"])), pay_url

    def fill_in(self, browser: requests.Session, address: str, **fields: str) -> requests.Response:
        """Open the page with a form, and send the form with its hidden fields."""
        page = browser.get(self.url + address, timeout=HANG_S)
        assert page.status_code == 200, page.text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        return browser.post(self.url + address, hidden | fields, allow_redirects=False, timeout=HANG_S)

    def operator(self) -> requests.Session:
        """The person whose login `runlocal` prints, logged in."""
        browser, output = requests.Session(), self.programs[0].output()
        [(name, password)] = OPERATOR.findall(output)
        self.fill_in(browser, "/admin/login/", username=name, password=password)
        return browser

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


class Cookiecutter(Museum):
    """A project with a package `config` of its own."""

    config = "till_config"
    settings = "config/settings/base.py"

    def start(self) -> None:
        cookiecutter.write(self.directory)
        self.shell("python manage.py makemigrations users")


def in_one_process(museum: Museum, parts: ExitStack) -> None:
    """SQLite, the broker in memory, and the sandbox provider, all in `runlocal`; there are no products to prepare."""
    museum.build()
    parts.enter_context(museum.program("runlocal", "--prepare"))
    wait_until(lambda: "Operator" in museum.programs[0].output(), "the museum said who may log in")


def in_many_processes(museum: Museum, parts: ExitStack) -> None:
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


@contextmanager
def opened(museum: Museum, open_it: Callable[[Museum, ExitStack], None]) -> Iterator[Museum]:
    """The museum, built and open."""
    with ExitStack() as parts:
        open_it(museum, parts)
        wait_until(museum.answers, "the museum answered")
        yield museum


class InAnyProject:
    """The tests of a guide's reader."""

    def test_a_ticket_whose_callback_was_lost_is_paid_by_the_sweep(self, museum: Museum) -> None:
        """The schedule of the museum ticks `check_pending_payments`; the museum's own actor settles."""
        museum.callbacks(lost=True)
        number, pay_url = museum.buy()
        assert museum.ticket(number) == {"visitor": "ann@example.com", "paid_at": None, "is_valid": False}

        museum.pay(pay_url)

        museum.wait_until_paid(number, SETTLE_S)
        assert museum.found_by(number) == "schedule"

    def test_a_ticket_is_refunded_in_the_admin(self, museum: Museum) -> None:
        """And is not valid any more; the console tells the payment's story."""
        if "runlocal" not in museum.programs[0].name:
            pytest.skip("runlocal makes the operator")
        number, pay_url = museum.buy()
        museum.pay(pay_url)
        museum.wait_until_paid(number, SETTLE_S)
        assert museum.ticket(number)["is_valid"]
        payment, operator = museum.python(f"print(Payment.objects.get(reference={number!r}).pk)"), museum.operator()

        answer = museum.fill_in(
            operator, f"/admin/billing/payment/{payment}/way-out/refund/", why="a rainy day", amount="12,50"
        )

        assert answer.status_code == 302, answer.text
        wait_until(lambda: not museum.ticket(number)["is_valid"], "the ticket was refunded", SETTLE_S)
        story = operator.get(f"{museum.url}/admin/console/payments/{payment}/", timeout=HANG_S).text
        assert "€12.50 was refunded." in story

    def test_the_operator_sees_every_page(self, museum: Museum) -> None:
        """The admin leads to the console; none of their pages is an error, and each has its styles."""
        if "runlocal" not in museum.programs[0].name:
            pytest.skip("runlocal makes the operator")
        operator = museum.operator()
        pages = {"/admin/": operator.get(f"{museum.url}/admin/", timeout=HANG_S).text}
        assert 'href="/admin/console/"' in pages["/admin/"]
        overview = pages["/admin/console/"] = operator.get(f"{museum.url}/admin/console/", timeout=HANG_S).text
        tables = re.findall(r'href="(/admin/billing/\w+/)"', pages["/admin/"])
        tabs = re.findall(r'href="(/admin/console/[\w/]+)"', overview)
        files = re.findall(r'(?:href|src)="(/static/[^"]+)"', overview)

        paths = {*tables, *tabs, *files}
        answers = {path: operator.get(museum.url + path, timeout=HANG_S).status_code for path in paths}

        expected = {"/admin/billing/payment/", "/admin/console/work/payment_event/", "/static/console/console.css"}
        assert expected <= set(answers)
        bad = {path: status for path, status in answers.items() if status != 200}
        assert bad == {}, (bad, *(program.output()[-3000:] for program in museum.programs))

    def test_every_word_of_jobs_has_an_answer(self, museum: Museum) -> None:
        """And all is well in a new museum. In one process no other command sees the queues."""
        said = dict(line.split() for line in museum.python(EVERY_WORD).splitlines() if re.fullmatch(r"[a-z]+ \d", line))

        assert {"active", "stats", "queues", "dead", "pause", "doctor"} <= set(said)
        unseen = {"queues", "dead", "retry"} if "runlocal" in museum.programs[0].name else set()
        assert {word for word, status in said.items() if status != "0"} - {"doctor"} == unseen
        wait_until(lambda: museum.manage("jobs", "doctor").stdout == "Nothing is wrong.\n", "nothing is wrong")

    def test_the_admin_needs_no_console(self, museum: Museum) -> None:
        """A project may leave it out."""
        place = "config" if museum.config != "config" else "gallery"
        (museum.directory / "plain_urls.py").write_text(
            f"from {place}.urls import urlpatterns\n"
            "urlpatterns = [one for one in urlpatterns if 'console' not in str(one.pattern)]\n"
        )
        plain = museum.other_settings("plain", "ROOT_URLCONF = 'plain_urls'")

        assert museum.python(WITHOUT_CONSOLE, DJANGO_SETTINGS_MODULE=plain).split()[-3:] == ["200", "200", "404"]

    def test_a_second_copy_changes_nothing(self, museum: Museum) -> None:
        """A second copy changes nothing."""
        again = museum.shell(COPY)

        assert "\n0 files written, 0 deleted; " in again
