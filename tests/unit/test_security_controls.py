"""deploy/SECURITY-CONTROLS.md names every control once, with files and tests that are there."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PAGE = (ROOT / "deploy/SECURITY-CONTROLS.md").read_text()

MOST_LINES = 330
"""The page stays one that a person reads."""

SECTIONS = {
    1: {1: 2, 2: 9, 3: 11, 4: 3, 5: 2},
    2: {1: 3, 2: 3, 3: 4, 4: 1},
    3: {2: 2, 3: 4, 4: 6, 5: 5, 7: 2},
    4: {1: 3, 2: 1, 3: 2, 4: 4},
    5: {1: 1, 2: 3, 3: 2, 4: 3},
    6: {1: 3, 2: 12, 3: 4, 4: 4, 5: 5, 6: 3, 8: 4},
    7: {1: 3, 2: 4, 3: 2, 4: 5, 5: 2, 6: 2},
    8: {1: 2, 2: 3, 3: 1, 4: 1},
    9: {1: 3, 2: 4},
    10: {1: 2, 2: 2, 3: 4, 4: 11, 5: 5, 6: 2, 7: 3},
    11: {1: 2, 2: 3, 3: 3, 4: 4, 5: 1, 6: 1},
    12: {1: 3, 2: 2, 3: 4},
    13: {1: 1, 2: 5, 3: 2, 4: 5},
    14: {1: 2, 2: 4, 3: 3},
    15: {1: 3, 2: 3, 3: 7},
    16: {1: 1, 2: 5, 3: 4, 4: 3, 5: 3},
    17: {1: 1, 2: 4, 3: 2},
}
"""The number of controls of levels 1 and 2 in each section, by chapter (OWASP ASVS 5.0.0). They count from 1."""

CONTROLS = [
    f"{chapter}.{section}.{number}"
    for chapter, sections in SECTIONS.items()
    for section, controls in sections.items()
    for number in range(1, controls + 1)
]

ROW = re.compile(r"^\| (\d[^|]*) \| ([^|]+) \| ([^|]+) \|\s*([^|]*?)\s*\|$", re.MULTILINE)
AWAY = re.compile(r"^- (\d[\d., to]*): ", re.MULTILINE)
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py) -k (\w+)`")
NAMED_FILE = re.compile(r"`([\w.-]+(?:/[\w.-]+)*/?)`")


def numbers(text: str) -> list[str]:
    """The controls of `1.2.6 to 1.2.8, 1.3.4`: a range holds all that the standard has between its ends.

    >>> numbers("1.2.8 to 1.3.1, 2.4.1")
    ['1.2.8', '1.2.9', '1.3.1', '2.4.1']
    """
    ends = [part.strip().split(" to ") for part in text.split(",")]
    return [each for end in ends for each in CONTROLS[CONTROLS.index(end[0]) : CONTROLS.index(end[-1]) + 1]]


def rows(state: str) -> list[tuple[str, str, str]]:
    """What is written of the controls that are met or open: number, where, tests."""
    return [
        (number, where, tests)
        for number, _asked, where, tests in ROW.findall(PAGE)
        if where.startswith("**open**") == (state == "open")
    ]


def counted(state: str) -> list[str]:
    """The controls in this state."""
    found = AWAY.findall(PAGE) if state == "does not apply" else [number for number, _where, _tests in rows(state)]
    return [control for each in found for control in numbers(each)]


STATES = ("met", "open", "does not apply")


@cache
def functions(path: str) -> list[str]:
    """The tests of a file, read without running it."""
    tree = ast.walk(ast.parse((ROOT / path).read_text()))
    return [node.name for node in tree if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def test_every_control_stands_there_once() -> None:
    """None is forgotten, and none is both met and open."""
    written = Counter(control for state in STATES for control in counted(state))
    assert (Counter(CONTROLS) - written, written - Counter(CONTROLS)) == (Counter(), Counter())
    assert len(CONTROLS) == 253


def test_each_stands_in_its_chapter() -> None:
    """In the order of the standard's chapters."""
    chapters = re.split(r"\n## V(\d+) ", PAGE)[1:]
    assert [int(number) for number in chapters[::2]] == list(SECTIONS)
    for number, text in zip(chapters[::2], chapters[1::2], strict=True):
        found = [first for first, *_rest in ROW.findall(text)] + AWAY.findall(text)
        assert {control.partition(".")[0] for each in found for control in numbers(each)} == {number}


@pytest.mark.parametrize("state", STATES)
def test_the_counts_at_the_top_are_right(state: str) -> None:
    """They are what a reader sees first."""
    [number] = re.findall(rf"^\| {state} \| (\d+) \|$", PAGE, re.MULTILINE)
    assert int(number) == len(counted(state))


def test_what_is_met_names_a_test() -> None:
    """A control that nothing tries is not called met."""
    assert [number for number, _where, tests in rows("met") if not NAMED_TEST.search(tests)] == []


@pytest.mark.parametrize(("number", "where"), [(number, where) for number, where, _tests in rows("open")])
def test_what_is_open_says_why_and_what_lowers_the_risk(number: str, where: str) -> None:
    """In this order, with a semicolon between them."""
    assert re.fullmatch(r"\*\*open\*\*: [^;]+; .+", where)


@pytest.mark.parametrize(("path", "words"), sorted(set(NAMED_TEST.findall(PAGE))))
def test_every_test_that_is_named_exists(path: str, words: str) -> None:
    """A part of its name is enough, as for pytest."""
    assert [name for name in functions(path) if words in name]


def test_every_file_that_is_named_exists() -> None:
    """Of this repository; the names of tests are looked at one by one."""
    paths = {name for name in NAMED_FILE.findall(PAGE) if "/" in name or name.endswith((".py", ".md"))}
    assert {path for path in paths if not (ROOT / path).exists()} == set()


def test_the_page_is_short() -> None:
    """And each control is asked for in a few words."""
    assert len(PAGE.splitlines()) <= MOST_LINES
    assert [asked for _number, asked, _where, _tests in ROW.findall(PAGE) if len(asked.split()) > 8] == []
