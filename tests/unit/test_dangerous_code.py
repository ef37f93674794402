"""Code that no part of the product may contain: each rule keeps one way of injection closed.

deploy/SECURITY-CONTROLS.md names the rules. Each is tried on an example, since a rule that finds nothing keeps nothing
out.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PACKAGES = ("config", "billing", "commerce", "actors", "deploy")

WEAK = {"md5", "sha1"}
MODULES = {"pickle", "marshal", "shelve", "yaml", "xml", "lxml", "random", "Crypto", "cryptography"}
"""Unsafe to read from, or not for secrets: `json`, `secrets` and `hashlib` are used instead."""


def _called(node: ast.AST) -> str:
    """The last name of what is called: `execute` of `cursor.execute(…)`."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", ""))


def _runs_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec")


def _runs_a_shell(node: ast.AST) -> bool:
    keywords = node.keywords if isinstance(node, ast.Call) else []
    return _called(node) in ("system", "popen", "getoutput") or any(each.arg == "shell" for each in keywords)


def _imports_what_is_unsafe(node: ast.AST) -> bool:
    names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
    names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
    return any(name.partition(".")[0] in MODULES for name in names)


def _asks_in_a_text_that_was_put_together(node: ast.AST) -> bool:
    """SQL that is not a literal: a value in it would not be a parameter."""
    asks = isinstance(node, ast.Call) and _called(node) in ("execute", "executemany", "raw", "RawSQL", "extra")
    return bool(asks and node.args and not isinstance(node.args[0], ast.Constant | ast.Starred))  # type: ignore[attr-defined]


def _puts_text_into_a_pattern(node: ast.AST) -> bool:
    """Only `re.escape(…)`, a constant, and the text of another pattern may stand inside of a regular expression."""
    pattern = node.args[0] if isinstance(node, ast.Call) and _is_of_re(node.func) and node.args else None
    parts = pattern.values if isinstance(pattern, ast.JoinedStr) else []
    values = [part.value for part in parts if isinstance(part, ast.FormattedValue)]
    return not all(map(_may_stand_in_a_pattern, values))


def _may_stand_in_a_pattern(value: ast.expr) -> bool:
    is_constant = isinstance(value, ast.Name) and value.id.isupper()
    return is_constant or _called(value) == "escape" or getattr(value, "attr", "") == "pattern"


def _is_of_re(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "re"


def _trusts_html(node: ast.AST) -> bool:
    """`format_html` escapes its arguments; these do not, nor does it escape a text that is not a literal."""
    formats = _called(node) == "format_html" and not isinstance(node.args[0], ast.Constant)  # type: ignore[attr-defined]
    return formats or _called(node) in ("mark_safe", "SafeString")


def _makes_a_template(node: ast.AST) -> bool:
    return _called(node) in ("Template", "from_string")


def _hashes_weakly(node: ast.AST) -> bool:
    return (isinstance(node, ast.Constant) and node.value in WEAK) or getattr(node, "attr", "") in WEAK


def _takes_files(node: ast.AST) -> bool:
    name = getattr(node, "attr", getattr(node, "id", ""))
    return name in ("FileField", "ImageField") or (isinstance(node, ast.Attribute) and name == "FILES")


RULES: dict[str, tuple[Callable[[ast.AST], bool], set[str], str]] = {
    "runs a text as code": (_runs_text, set(), "eval(text)"),
    "runs a shell": (_runs_a_shell, set(), "subprocess.run(text, shell=True)"),
    "imports what is unsafe": (_imports_what_is_unsafe, set(), "from xml.etree import ElementTree"),
    "puts a value into SQL": (
        _asks_in_a_text_that_was_put_together,
        {
            "config/database/in_force.py",  # passes on what Django asks
            "config/due/sql.py",  # names of tables and columns; values are parameters
            "config/database/backups.py",  # by psycopg.sql, which quotes
            "billing/sandbox/storage.py",  # its schema
            "actors/metrics/timeouts.py",  # a constant
            "actors/operations/queries/schedule.py",  # made of two constants
        },
        "cursor.execute(f'SELECT {text}')",
    ),
    "puts a value into a pattern": (
        _puts_text_into_a_pattern,
        {"billing/embed/files.py"},
        "re.sub(rf'{text}', '', text)",
    ),  # our own names
    "trusts HTML": (
        _trusts_html,
        {"actors/templatetags/console.py", "commerce/staff/views.py"},
        "mark_safe(text)",
    ),  # runbook, QR code
    "makes a template": (_makes_a_template, {"billing/sandbox/buyer.py"}, "engine.from_string(text)"),  # of its own
    "hashes weakly": (_hashes_weakly, {"commerce/mail/smtp.py"}, "hashlib.md5(text)"),  # CRAM-MD5 of RFC 2195
    "takes files": (_takes_files, set(), "request.FILES"),
}
"""A rule: how it is found, the files that may, and an example."""

each_rule = pytest.mark.parametrize("rule", RULES)


@pytest.fixture(scope="module")
def code() -> dict[str, list[ast.AST]]:
    """Every node of each module, by its path; migrations are Django's, and are judged elsewhere."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]
    return {path.relative_to(ROOT).as_posix(): list(ast.walk(ast.parse(path.read_text()))) for path in files}


@each_rule
def test_no_code_does_it(rule: str, code: dict[str, list[ast.AST]]) -> None:
    """But the files that are named here, each for its reason; one that needs it no longer leaves the list."""
    found, allowed, _example = RULES[rule]
    assert {path for path, nodes in code.items() if any(map(found, nodes))} == allowed


@each_rule
def test_each_rule_finds_its_example(rule: str) -> None:
    """A rule that finds nothing would keep nothing out."""
    found, _allowed, example = RULES[rule]
    assert any(map(found, ast.walk(ast.parse(example))))


MARKUP = {
    "a script in the page": (r"<script(?![^>]*\ssrc=)", "<script>go()</script>"),
    "a handler in the page": (r"<[^>]*\son[a-z]+\s*=", "<p onclick=go()>"),
    "something from elsewhere": (r"(?:src|href|action)=[\"'](?:https?:)?//", '<img src="//elsewhere.example/dot.gif">'),
    "unescaped text": (r"\|\s*safe\b|{%\s*autoescape off", "{{ order.name|safe }}"),
}
SCRIPT = {
    "text run as code": (r"\beval\(|new Function|setTimeout\(\s*[\"'`]|document\.write", "eval(text)"),
    "text set as markup": (r"(?:inner|outer)HTML\s*=[^=]|insertAdjacentHTML", "element.innerHTML = text;"),
    "data kept in the browser": (
        r"localStorage|indexedDB|document\.cookie|sessionStorage",
        "localStorage.name = name;",
    ),
    "messages from other pages": (r"postMessage|[\"']message[\"']", 'window.addEventListener("message", take);'),
    "a name from outside as a key": (r"__proto__|Object\.assign|\w\[\w+\]\s*=[^=]", "found[name] = value;"),
}
CONSOLE = "actors/static/console/live.js"
ALLOWED = {
    "text set as markup": {CONSOLE},  # the part of its own page that refreshes, escaped by the server
    "data kept in the browser": {CONSOLE},  # whether the person has stopped the refreshing
}


def _with(pattern: str, ending: str) -> set[str]:
    """The files with this ending in which the pattern is found."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob(f"*{ending}")]
    return {path.relative_to(ROOT).as_posix() for path in files if re.search(pattern, path.read_text())}


@pytest.mark.parametrize("kind", MARKUP)
def test_no_page_has_it(kind: str) -> None:
    """Texts of mails are templates too, and not escaped: they are no HTML."""
    pattern, example = MARKUP[kind]
    assert re.search(pattern, example)
    assert _with(pattern, ".html") == set()


@pytest.mark.parametrize("kind", SCRIPT)
def test_no_script_does_it(kind: str) -> None:
    """But the files that are named here, each for its reason."""
    pattern, example = SCRIPT[kind]
    assert re.search(pattern, example)
    assert _with(pattern, ".js") == ALLOWED.get(kind, set())
