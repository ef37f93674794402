"""Settings that fail loudly: typed readers of the environment."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from config import env
from config.env import WrongSetting

NAME = "TILL_TEST"
NOBODY = 65_534

Set = Callable[[str], None]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.delenv(f"{NAME}_FILE", raising=False)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Sets the value in the environment."""
    return lambda value: monkeypatch.setenv(NAME, value)


def complaint(read: Callable[[], Any]) -> str:
    """The sentence that ends the start: it names the setting, and it is one line."""
    with pytest.raises(WrongSetting) as caught:
        read()
    sentence = str(caught.value)
    assert sentence.startswith(f"The setting {NAME}")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


# --- text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "read"), [("a", "a"), ("  a b \n", "a b"), ("naïve ☕", "naïve ☕")])
def test_a_text_is_read_without_the_white_space_around_it(given: Set, value: str, read: str) -> None:
    """A line break at the end of a value is never meant."""
    given(value)
    assert env.text(NAME) == read


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
def test_empty_counts_as_not_set(given: Set, value: str) -> None:
    """Compose files and units write empty variables where nothing is meant."""
    given(value)
    assert env.text(NAME, "default") == "default"


def test_a_text_without_a_default_has_to_be_set() -> None:
    """The sentence says what to do."""
    assert complaint(lambda: env.text(NAME)) == f"The setting {NAME} is not set: it has no default; write a value."


# --- choices and flags -----------------------------------------------------------------------------------------------


def test_a_choice_is_one_of_the_words(given: Set) -> None:
    """Or the default."""
    assert env.choice(NAME, "a", ("a", "b")) == "a"
    given("b")
    assert env.choice(NAME, "a", ("a", "b")) == "b"


@pytest.mark.parametrize("value", ["c", "A", "a,b", "aa"])
def test_another_word_is_refused(given: Set, value: str) -> None:
    """With the words that could have been meant."""
    given(value)
    assert complaint(lambda: env.choice(NAME, "a", ("a", "b"))) == (
        f"The setting {NAME} is {value!r}: write one of a, b."
    )


@pytest.mark.parametrize("word", ["1", "true", "yes", "on", "YES", "True", " on "])
def test_yes_in_the_usual_spellings(given: Set, word: str) -> None:
    """Capitals do not matter."""
    given(word)
    assert env.flag(NAME, False) is True


@pytest.mark.parametrize("word", ["0", "false", "no", "off", "No", "FALSE"])
def test_no_in_the_usual_spellings(given: Set, word: str) -> None:
    """A text that is not empty is no yes."""
    given(word)
    assert env.flag(NAME, True) is False


@pytest.mark.parametrize("default", [True, False])
def test_a_flag_has_a_default(default: bool) -> None:
    """Either of the two."""
    assert env.flag(NAME, default) is default


@pytest.mark.parametrize("word", ["maybe", "2", "-1", "y", "none"])
def test_neither_yes_nor_no_is_refused(given: Set, word: str) -> None:
    """Nothing is guessed."""
    given(word)
    assert complaint(lambda: env.flag(NAME, True)) == f"The setting {NAME} is {word!r}: write yes or no."


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "number"), [("0", 0), ("7", 7), (" 10 ", 10)])
def test_a_whole_number_within_its_bounds(given: Set, value: str, number: int) -> None:
    """Both bounds belong to it."""
    given(value)
    assert env.integer(NAME, 5, at_least=0, at_most=10) == number


@pytest.mark.parametrize(
    "value", ["-1", "11", "1.5", "1e1", "seven", "0x5", "5s", "1 000", "nan", "inf", "-inf", "9" * 30, "9" * 5_000]
)
def test_what_is_no_such_whole_number_is_refused(given: Set, value: str) -> None:
    """The sentence tells the bounds."""
    given(value)
    assert complaint(lambda: env.integer(NAME, 5, at_least=0, at_most=10)).endswith(
        ": write a whole number from 0 to 10."
    )


@pytest.mark.parametrize(("value", "number"), [("0.5", 0.5), ("3", 3.0), ("60", 60.0), ("1e1", 10.0)])
def test_seconds_may_have_parts(given: Set, value: str, number: float) -> None:
    """Within their bounds."""
    given(value)
    assert env.seconds(NAME, 5, at_least=0.5, at_most=60) == number


@pytest.mark.parametrize("value", ["0.4", "61", "-1", "nan", "inf", "-inf", "NaN", "infinity", "1e400", "5s", "1:00"])
def test_what_is_no_such_number_of_seconds_is_refused(given: Set, value: str) -> None:
    """Not-a-number compares with nothing, and infinity is no time-out."""
    given(value)
    assert complaint(lambda: env.seconds(NAME, 5, at_least=0.5, at_most=60)).endswith(
        ": write a number of seconds from 0.5 to 60."
    )


@pytest.mark.parametrize("value", ["nan", "inf", "1e13"])
def test_without_an_upper_bound_there_is_still_one(given: Set, value: str) -> None:
    """No time of this house is longer than thirty thousand years."""
    given(value)
    assert complaint(lambda: env.seconds(NAME, 5)).endswith(": write a number of seconds from 0.0.")
    assert complaint(lambda: env.integer(NAME, 5, at_least=1)).endswith(": write a whole number from 1.")


def test_a_number_has_a_default() -> None:
    """Of its type."""
    assert (env.integer(NAME, 5), env.seconds(NAME, 5)) == (5, 5.0)


# --- lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "read"), [("a", ["a"]), ("a,b", ["a", "b"]), (" a , b ,", ["a", "b"]), (",", []), ("a b", ["a b"])]
)
def test_a_list_is_separated_by_commas(given: Set, value: str, read: list[str]) -> None:
    """Empty places are nothing."""
    given(value)
    assert env.words(NAME) == read


def test_a_list_may_have_a_default() -> None:
    """Written the same way."""
    assert env.words(NAME, "a,b") == ["a", "b"]
    assert env.words(NAME) == []


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("127.0.0.0/8, ::1", ["127.0.0.0/8", "::1"]),
        ("::ffff:127.0.0.1", ["127.0.0.1/32"]),
        ("::ffff:10.0.0.0/104,2001:db8::/32", ["10.0.0.0/8", "2001:db8::/32"]),
        ("::/0", ["::/0"]),
    ],
)
def test_a_network_of_ipv4_is_one_however_it_is_written(given: Set, value: str, read: list[str]) -> None:
    """A server on `::` sees IPv4 senders mapped into IPv6; they are compared as IPv4."""
    given(value)
    assert env.networks(NAME) == read


@pytest.mark.parametrize(("value", "read"), [("::", "::"), ("[::1]", "::1"), ("10.0.0.5", "10.0.0.5"), ("web", "web")])
def test_a_host_has_no_brackets(given: Set, value: str, read: str) -> None:
    """They belong to URLs."""
    given(value)
    assert env.host(NAME, "127.0.0.1") == read


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("https://shop.example.com", "https://shop.example.com"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("https://[::1]:8000", "https://[::1]:8000"),
        ("postgres://till:secret@db/shop", "postgres://till:secret@db/shop"),
        ("sqlite:////srv/shop.sqlite3", "sqlite:////srv/shop.sqlite3"),
        ("amqp://till@rabbit/vhost/", "amqp://till@rabbit/vhost/"),
    ],
)
def test_an_address_has_a_scheme_and_a_host(given: Set, value: str, read: str) -> None:
    """A web address is kept without its last slash, so that paths can be put behind it."""
    given(value)
    assert env.url(NAME, "", schemes=("http", "https", "postgres", "sqlite", "amqp")) == read


def test_an_address_may_be_missing_where_the_default_is_empty() -> None:
    """Empty means: there is none."""
    assert env.url(NAME, "", schemes=("http",)) == ""


@pytest.mark.parametrize(
    "value",
    [
        "shop.example.com",
        "ftp://shop",
        "http://",
        "http:///path",
        "//shop",
        "http:shop",
        "http://[::1",
        "https",
        "http://shop:0",
    ],
)
def test_what_is_no_such_address_is_refused(given: Set, value: str) -> None:
    """The sentence shows how one looks."""
    given(value)
    sentence = complaint(lambda: env.url(NAME, "", schemes=("http", "https")))
    assert sentence.startswith(f"The setting {NAME} is {value!r}: write an address like http://host")


@pytest.mark.parametrize(
    "value",
    [
        "mysql://till:hush-hush@db/shop",
        "mysql://till:hush:hush-hush@db/shop",
        "mysql://till:hush@hush-hush@db/shop",
        "postgres//till:hush-hush@db/shop",
        "till:hush-hush@db/shop",
        "postgres:till:hush-hush@db/shop",
        "postgres://till:hush-hush@[db/shop",
    ],
)
def test_a_password_is_never_shown(given: Set, value: str) -> None:
    """Not even where the address cannot be read: the sentence goes to logs."""
    given(value)
    assert "hush-hush" not in complaint(lambda: env.url(NAME, "", schemes=("postgres",)))


# --- secrets that are made -------------------------------------------------------------------------------------------


def test_a_secret_is_made_where_none_is_set() -> None:
    """As on a developer's machine."""
    assert env.secret(NAME, lambda: "made") == "made"


def test_no_secret_is_made_where_one_is_set(given: Set) -> None:
    """Whoever runs one command as root would leave a file behind that the services cannot read."""
    given("set")
    assert env.secret(NAME, lambda: pytest.fail("it was made")) == "set"


# --- secrets from files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["shut/shop.log", "shut/deeper/shop.log", "shop.log"])
def test_a_file_in_a_directory_of_another_user_is_refused(given: Set, tmp_path: Path, place: str) -> None:
    """Whether it cannot be entered or cannot be written, the answer is a sentence."""
    (tmp_path / "shut/deeper").mkdir(parents=True)
    (tmp_path / "shut").chmod(0)
    tmp_path.chmod(0o555)
    given(str(tmp_path / place))

    with as_nobody():
        assert "write another path" in complaint(lambda: env.file_to_write(NAME))


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write everywhere, so root is somebody else meanwhile."""
    if os.geteuid():
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_value_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """NAME_FILE stands for NAME, for every reader."""
    file = tmp_path / "secret"
    file.write_text("  17 \n")
    monkeypatch.setenv(f"{NAME}_FILE", str(file))

    assert env.text(NAME) == "17"
    assert env.integer(NAME, 5) == 17
    assert env.words(NAME) == ["17"]


def test_an_empty_file_counts_as_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As an empty value does."""
    (tmp_path / "secret").touch()
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))

    assert env.text(NAME, "default") == "default"


def test_a_value_and_a_file_are_one_too_many(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Which one holds would be a guess; the secret itself is not shown."""
    monkeypatch.setenv(NAME, "hush-hush")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))

    sentence = complaint(lambda: env.text(NAME))
    assert sentence.endswith(f"{NAME} is set too; keep one of them.")
    assert "hush-hush" not in sentence


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", "directory"])
def test_a_file_that_cannot_be_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | str | None
) -> None:
    """Missing, not a text, or not a file at all."""
    file = tmp_path / "secret"
    if content == "directory":
        file.mkdir()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    monkeypatch.setenv(f"{NAME}_FILE", str(file))

    sentence = complaint(lambda: env.text(NAME, "default"))
    assert f"The setting {NAME}_FILE is {os.fspath(file)!r}: it cannot be read" in sentence


def test_a_wrong_setting_ends_the_process() -> None:
    """With its sentence and status 1, from wherever settings are read: nobody has to catch it."""
    assert issubclass(WrongSetting, SystemExit)
