"""No name, address, phone or mail address of an exception gets into text, wherever exceptions become text."""

import json
import logging
import os
import smtplib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from dramatiq import Message

from actors.models import Job
from config.errors.exception_text import scrubbed_summary, scrubbed_trace, summary, trace, words_of
from config.errors.mails import ErrorMails
from config.log_outputs import Console
from config.logging import JsonLines, Readable, Scrubbed, configuration
from config.messaging.broker import StrictEncoder
from tests.stack.ports import HANG_S, LOOPBACK, free_port, wait_until
from tests.stack.processes import Program

NAME, STREET, PHONE, EMAIL = "Zebedee O'Quux", "17 Quagmire Street", "+49 170 123 45 67", "zebedee@quux.example"
PARTS = ("Zebedee", "Quux", "Quagmire", "123 45", "quux.example")
"""What must not be found of a person, in any case."""

PUBLIC_ID = "aBcDeFgHiJkLmNoPqRsTuV"
ROOT = Path(__file__).resolve().parents[2]
ROW = f"DETAIL:  Failing row contains (7, {EMAIL}, {NAME}, {STREET}, {PHONE})."
LOCAL = f"    {NAME}\n  {STREET}\n{EMAIL}: {PHONE}\nZebedee"


def _refused() -> None:
    raise smtplib.SMTPRecipientsRefused({EMAIL: (550, f"5.1.1 <{EMAIL}> {NAME} unknown".encode())})


def _chained() -> None:
    try:
        raise LookupError(f"no {NAME!r}")
    except LookupError as error:
        raise RuntimeError(f"not sent to {EMAIL}") from error


def _during() -> None:
    try:
        raise LookupError(f"no {NAME!r}\n{LOCAL}")
    except LookupError:
        raise RuntimeError(f"called {PHONE}")  # noqa: B904 (this is the subject)


def _grouped() -> None:
    raise ExceptionGroup(f"{NAME!r}", [ValueError(repr(STREET)), ExceptionGroup("inner", [KeyError(NAME)])])


def _noted() -> None:
    error = ValueError("wrong")
    error.add_note(f"of {NAME}, {STREET}")
    raise error


def raises(error: BaseException) -> Callable[[], None]:
    """A function that raises it."""

    def fail() -> None:
        raise error

    return fail


ERRORS: dict[str, Callable[[], Any]] = {
    "a value": lambda: int(NAME),
    "a value in bytes": lambda: float(EMAIL.encode()),
    "a key": lambda: {}[NAME],  # type: ignore[index]
    "a key of two": lambda: {}[NAME, STREET],  # type: ignore[index]
    "a row": raises(ValueError(f'duplicate key value violates unique constraint "x"\n{ROW}')),
    "a key of a database": raises(ValueError(f"Key (email)=({EMAIL}) already exists")),
    "a lone line": raises(ValueError(LOCAL)),
    "quotes in quotes": raises(ValueError(f'invalid input: "{NAME} "Quux" Smith" of \'{NAME}\'')),
    "no quotes": raises(ValueError(f"no order of {NAME}, {STREET}")),
    "no quotes at the start": raises(ValueError("Zebedee Quux has no order")),
    "Russian": raises(ValueError("нет заказа: Zebedee Квукс")),
    "an object": raises(ValueError(f"Cannot assign <Review: {NAME}: 5>")),
    "a URL": raises(requests.ConnectionError(f"Max retries exceeded with url: /v1/find?q={EMAIL}&n=Zebedee")),
    "JSON": lambda: json.loads(f"{{{NAME}}}"),
    "characters": lambda: f"{NAME} é".encode("ascii"),
    "a field": raises(ValidationError(f"“{NAME}” is wrong")),
    "a refused recipient": _refused,
    "a cause": _chained,
    "a context": _during,
    "a group": _grouped,
    "a note": _noted,
    "an exit": raises(SystemExit(f"no mail to {EMAIL}")),
}


def caught(fail: Callable[[], Any]) -> BaseException:
    """The exception, with its frames."""
    try:
        fail()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def found_in(text: str) -> list[str]:
    """Parts of the person in a text; code of this file is no value."""
    said = "\n".join(line for line in text.splitlines() if not line.startswith("    ") or line in LOCAL)
    return [part for part in PARTS if part.lower() in said.lower()]


def record(logger: str, event: str, *args: Any, error: BaseException | None = None, **fields: Any) -> logging.LogRecord:
    """A line of a log."""
    exc_info = (type(error), error, error.__traceback__) if error else None
    return logging.getLogger(logger).makeRecord(logger, logging.ERROR, "x", 1, event, args, exc_info, extra=fields)


def lines(made: logging.LogRecord) -> list[str]:
    """As each formatter writes it; the traceback with its lines."""
    told = json.loads(JsonLines().format(made))
    return ["\n".join(map(str, told.values())), Readable().format(made), Scrubbed("%(message)s").format(made)]


@pytest.mark.parametrize("kind", ERRORS)
def test_a_log_line_tells_class_and_place_and_nobody(kind: str) -> None:
    """Of all exceptions of a chain."""
    error = caught(ERRORS[kind])
    for line in lines(record("config.due.queue", "work.failed", error=error)):
        assert found_in(line) == []
        assert type(error).__name__ in line
        assert "test_private_words.py" in line


@pytest.mark.parametrize("kind", ERRORS)
def test_an_exception_in_the_words_of_a_library_or_in_a_field_tells_nobody(kind: str) -> None:
    """Dramatiq logs "a connection error: %s"."""
    error = caught(ERRORS[kind])
    for line in (*lines(record("dramatiq.worker", "Failed: %s", error)), *lines(record("billing", "x", error=error))):
        assert found_in(line) == []


@pytest.mark.parametrize("kind", ERRORS)
def test_what_an_earlier_release_has_stored_is_scrubbed_when_it_is_read(kind: str) -> None:
    """Rows of the job history keep its texts for 30 days."""
    import traceback

    error = caught(ERRORS[kind])
    whole = "".join(traceback.format_exception(error))
    columns = ["id", "error", "traceback"]
    for stored in (whole, whole[len(whole) // 2 :]):
        job = Job.from_db("default", columns, [1, f"{type(error).__name__}: {error}"[:300], stored])
        assert found_in(job.error) == []
        assert found_in(job.traceback) == []
        assert job.error.startswith(type(error).__name__)


@pytest.mark.parametrize("kind", ERRORS)
def test_what_is_scrubbed_already_stays_as_it_is(kind: str) -> None:
    """A row of this release loses nothing by being read."""
    error = caught(ERRORS[kind])
    assert scrubbed_trace(trace(error)) == trace(error)
    assert scrubbed_summary(summary(error)) == summary(error)


def test_a_chain_stays_readable() -> None:
    """As Python writes it: the first exception first, each with its frames."""
    told = trace(caught(_chained))
    first, second = told.split("\n\nThe above exception was the direct cause of the following exception:\n\n")
    assert first.splitlines()[0] == second.splitlines()[0] == "Traceback (most recent call last):"
    assert first.splitlines()[-1] == "LookupError: no ***"
    assert second.splitlines()[-1] == "RuntimeError: not sent to ***"
    assert "in _chained" in first


def test_a_chain_without_end_ends() -> None:
    """A circle, and a thousand links."""
    circle = ValueError("a")
    circle.__context__ = KeyError("b")
    circle.__context__.__context__ = circle
    assert trace(circle).splitlines()[-1] == "ValueError: a"
    last = ValueError("0")
    for number in range(1000):
        last, last.__context__ = ValueError(str(number)), last
    assert trace(last).count("ValueError") == 20


def test_a_message_carries_no_traceback() -> None:
    """Dramatiq's Retries adds one."""
    message: Message[Any] = Message("urgent", "check_payment", (17,), {}, {"retries": 1, "traceback": NAME})
    assert json.loads(StrictEncoder().encode(message.asdict()))["options"] == {"retries": 1}


@pytest.mark.parametrize(
    "ending",
    [
        "raise ValueError({words!r})",
        "import threading; t = threading.Thread(target=lambda: int({words!r})); t.start(); t.join()",
        "class A:\n    def __del__(self): raise ValueError({words!r})\na = A(); del a",
    ],
)
def test_an_exception_that_nothing_catches_tells_nobody(ending: str) -> None:
    """At the end of a process or a thread, and in a destructor."""
    code = "from config.errors import uncaught\nuncaught.hide_words()\n" + ending.format(words=f"x {EMAIL}\n{ROW}")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found_in(ended.stderr) == []
    assert "ValueError: " in ended.stderr


@pytest.mark.parametrize("style", ["json", "readable"])
def test_every_output_of_the_log_scrubs(style: str) -> None:
    """One with another formatter would write all words."""
    made = configuration(style, "INFO", "/tmp/x.log")
    assert {made["handlers"][name]["formatter"] for name in ("stderr", "file")} == set(made["formatters"])
    for formatter in made["formatters"].values():
        module, _, name = formatter["()"].rpartition(".")
        assert issubclass(getattr(sys.modules[module], name), Scrubbed)


@pytest.mark.parametrize("handler", ["stderr", "error_mails"])
def test_a_line_that_cannot_be_written_tells_nobody(handler: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Python would write its arguments and all words of the error."""
    made = Console(None) if handler == "stderr" else ErrorMails()
    made.setFormatter(JsonLines())
    broken = record("billing", "sent to %d, %d", NAME, STREET, error=ValueError(EMAIL))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "ADMIN_EMAILS", ["admin@example.com"])
        made.emit(broken)
    written = capsys.readouterr().err
    assert "TypeError: %d format: a real number is required" in written
    assert found_in(written) == []


def test_gunicorn_tells_nobody(tmp_path: Path) -> None:
    """It logs what Django does not catch, and the address of the page."""
    fails = f"raise ValueError({f'no {NAME!r}{chr(10)}{ROW}'!r})"
    code = f"import django\ndjango.setup()\ndef application(environ, start_response):\n    {fails}\n"
    (tmp_path / "leaky.py").write_text(code)
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "leaky:application", "--bind", f"{LOOPBACK}:{port}"]
    command += ["-c", str(ROOT / "deploy/gunicorn.conf.py"), "--pythonpath", str(tmp_path)]
    env = {**os.environ, "VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    with Program("gunicorn", command, env, ROOT, tmp_path / "log") as gunicorn:
        wait_until(lambda: status(port) or not gunicorn.alive, "gunicorn answered")
        gunicorn.wait_for_output(r"ValueError: no \*\*\*", HANG_S)
    assert "Error handling request GET ***" in gunicorn.output()
    assert found_in(gunicorn.output()) == []
    assert PUBLIC_ID not in gunicorn.output()


def status(port: int) -> int:
    """Of a page whose address must not be in a log; 0 before gunicorn listens."""
    try:
        return requests.get(f"http://{LOOPBACK}:{port}/orders/{PUBLIC_ID}/?q={EMAIL}", timeout=HANG_S).status_code
    except requests.ConnectionError:
        return 0


def test_what_is_wrong_with_a_setting_stays_readable() -> None:
    """It names a setting and its value, and no person; a key is hidden all the same."""
    error = caught(raises(ImproperlyConfigured("ACTOR_MODULES is 'shop.jobs', with the key s3cret-key")))
    assert words_of(error, ["s3cret-key"]) == "ACTOR_MODULES is 'shop.jobs', with the key ***"
