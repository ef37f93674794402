"""Errors: what may be told of them, and how often."""

import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from config.errors import report
from config.errors.report import ErrorReport, Group, error_in, report_of
from config.errors.scrubbing import ids_of, scrubbed, secrets_in
from config.errors.throttle import GROUPS, OTHERS, WINDOW_S, Notice, Throttle
from config.logging import log_context

SECRET = "k3y-of-the-shop"


@pytest.mark.parametrize(
    "words",
    [
        "no order of 'Ann Smith'",
        'no order of "Ann Smith"',
        "no order of «Ann Smith»",
        "no mail to ann.smith@example.com",
        "no mail to <ann.smith@example.com>",
        'duplicate key value violates "x"\nDETAIL:  Key (email)=(ann@example.com), Ann Smith, 1 Main Street',
        "Key (name)=(Ann Smith) already exists",
        "connection to postgres://ann:smith@db/shop failed",
        "GET https://example.com/reviews/ann-smith failed",
        "no token sk_live_4eC39HqLyjWDarjtT1zdp7dc ann-smith-1234567890",
        f"wrong key {SECRET}",
        "called +49 170 123 45 67",
        "invalid literal for int() with base 10: 'Ann Smith",
    ],
)
def test_personal_data_and_keys_are_not_told(words: str) -> None:
    """Whatever an exception says."""
    told = scrubbed(words, [SECRET]).lower()
    for hidden in ("ann", "smith", "main street", "4ec39", SECRET, "123 45"):
        assert hidden not in told, told


def test_what_helps_is_told() -> None:
    """Numbers, classes and plain words."""
    assert scrubbed("3 of 12 rows of payment 4711 have no event") == "3 of 12 rows of payment 4711 have no event"
    assert scrubbed("") == ""
    assert len(scrubbed("word " * 1000)) < 250


def test_only_ids_are_taken_from_an_event() -> None:
    """Neither sentences nor addresses."""
    fields = {"payment": 17, "actor": "check_payment", "email": "a@b.example", "text": "Ann Smith", "rows": [1]}
    assert ids_of(fields) == {"payment": "17", "actor": "check_payment"}


def test_secrets_are_found_however_deep() -> None:
    """By the names of settings."""
    settings = {
        "SECRET_KEY": "a" * 50,
        "DATABASES": {"default": {"PASSWORD": "pass-word", "NAME": "shop-name"}},
        "PAYMENT_ACCOUNTS": {"stripe": {"secret_key": "sk_live_1"}},
        "SECRET_KEY_FALLBACKS": ["b" * 50],
        "EMAIL_HOST_PASSWORD": "",
    }
    assert secrets_in(settings) == {"a" * 50, "pass-word", "sk_live_1", "b" * 50}


def record_of(logger: str = "config.due.queue", level: int = logging.ERROR) -> logging.LogRecord:
    """What `log.exception` makes of an error in a library that was called from here."""
    try:
        number = int("Ann")
    except ValueError:
        made = logging.getLogger(logger)
        return made.makeRecord(logger, level, "x.py", 1, "work.failed", (), sys.exc_info(), extra={"payment": 17})
    raise AssertionError(number)


def told(record: logging.LogRecord) -> ErrorReport:
    """As the handlers read it."""
    error = error_in(record)
    assert error
    return report_of(record, error)


def test_an_error_tells_who_met_it_of_what_class_and_where() -> None:
    """The actor, if there is one, else the event."""
    with log_context(actor="check_payment", message="m-1"):
        error = told(record_of())

    assert error.group.who == "check_payment"
    assert error.group.error == "ValueError"
    assert error.group.place.startswith("tests/unit/test_error_words.py:")
    assert error.ids == {"payment": "17", "actor": "check_payment", "message": "m-1"}
    assert error.words == "invalid literal for int() with base 10: ***"
    assert told(record_of()).group.who == "work.failed"


def test_only_errors_with_an_exception_of_loggers_that_are_listened_to_are_told() -> None:
    """Dramatiq tells of every attempt."""
    assert error_in(record_of("dramatiq.worker.WorkerThread")) is None
    assert error_in(record_of(level=logging.WARNING)) is None
    plain = logging.getLogger("x").makeRecord("x", logging.ERROR, "x.py", 1, "difference.parked", (), None)
    assert error_in(plain) is None


def error_of(who: str) -> ErrorReport:
    """One of many."""
    return ErrorReport(Group(who, "ValueError", "a.py:1"), "work.failed", "", {}, [])


def mails(throttle: Throttle, who: str, now: float) -> list[Notice]:
    """The mails that one more error leads to."""
    throttle.add(error_of(who), now)
    return throttle.ready(now)


def test_a_kind_has_so_many_mails_an_hour_and_is_then_counted() -> None:
    """Other kinds have mails of their own."""
    throttle = Throttle(per_hour=2)

    assert [len(mails(throttle, "ann", now)) for now in range(10)] == [1, 1] + [0] * 8
    assert [notice.group.who for notice in mails(throttle, "bob", 5)] == ["bob"]


def test_errors_that_were_left_out_are_mailed_when_the_hour_is_over() -> None:
    """So the last ones are not lost either. Their mail is the first of the next hour."""
    throttle = Throttle(per_hour=2)
    for now in range(10):
        mails(throttle, "ann", now)

    assert throttle.ready(WINDOW_S - 1) == []
    [notice] = throttle.ready(WINDOW_S)
    assert notice.left_out == 7  # besides the one that the mail is about: two were mailed, ten happened
    assert [len(mails(throttle, "ann", WINDOW_S)) for _ in range(2)] == [1, 0]
    assert len(throttle.ready(2 * WINDOW_S)) == 1
    assert throttle.ready(3 * WINDOW_S) == []


def test_an_error_that_could_not_be_mailed_is_counted() -> None:
    """The next mail says so; a mail that was not sent does not count."""
    throttle = Throttle(per_hour=1)
    [first] = mails(throttle, "ann", 0)
    throttle.put_back(first)

    [second] = mails(throttle, "ann", 1)
    assert second.left_out == 1
    assert mails(throttle, "ann", 2) == []


def test_a_mail_that_could_not_be_sent_when_the_hour_was_over_is_sent_later() -> None:
    """No error is left out silently."""
    throttle = Throttle(per_hour=1)
    for now in range(3):
        mails(throttle, "ann", now)
    [notice] = throttle.ready(WINDOW_S)
    throttle.put_back(notice)

    [again] = throttle.ready(WINDOW_S + 60)
    assert again.left_out == notice.left_out == 1


def test_more_kinds_than_a_person_reads_are_one() -> None:
    """Memory and mails are bounded."""
    throttle = Throttle(per_hour=1)
    notices = [notice for number in range(GROUPS + 50) for notice in mails(throttle, str(number), 0)]

    assert len(notices) == GROUPS + 1
    [others] = throttle.ready(WINDOW_S)
    assert (others.group, others.left_out) == (OTHERS, 48)


SITE = Path("/venv/lib/python3.12/site-packages")
DEBIANS = Path("/usr/lib/python3/dist-packages")


@pytest.mark.parametrize(
    ("root", "library"),
    [
        (SITE, SITE / "requests/api.py"),
        (Path("/shop"), Path("/shop/.venv/lib/python3.12/site-packages/requests/api.py")),
        (DEBIANS, DEBIANS / "requests/api.py"),
    ],
)
def test_the_place_is_ours_also_where_we_are_installed_beside_the_libraries(
    monkeypatch: pytest.MonkeyPatch, root: Path, library: Path
) -> None:
    """An error in a library is named by our line that called it."""
    monkeypatch.setattr(report, "ROOT", root)
    names: dict[str, Any] = {}
    exec(compile("def fail():\n    raise KeyError", str(library), "exec"), names)  # noqa: S102 (the test's own code)
    exec(compile("def call():\n    fail()", str(root / "billing/x.py"), "exec"), names)  # noqa: S102
    with pytest.raises(KeyError) as caught:
        names["call"]()
    record = logging.LogRecord("x", logging.ERROR, "", 0, "x", (), None)
    assert report_of(record, caught.value).group.place == "billing/x.py:2"
