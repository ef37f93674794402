"""The copy of billing in another project: `python -m billing.embed`."""

import ast
import errno
import json
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from django.conf import global_settings

from billing.embed import files, project
from billing.embed.__main__ import DONE, REFUSED, SOMETHING_LEFT, main
from config.env import embedding

GUIDE = (files.SOURCE / "billing/EMBEDDING.md").read_text()

MANAGE = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
from django.core.management import execute_from_command_line
execute_from_command_line()
"""

OF_THE_PROJECT = {"ACTOR_MODULES", "ACTOR_SCHEDULE"}
"""The guide's; they have no default."""


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two files, and a shell that names no settings."""
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "site_settings.py").write_text("SECRET_KEY = 'x'\nDATABASES = {'default': {'ENGINE': ''}}\n")
    return tmp_path


@pytest.fixture(scope="module")
def renamed() -> dict[str, str]:
    """The code of the copy where our `config` is `till_config`."""
    return {path: content.decode() for path, content in files.needed("till_config") if path.endswith(".py")}


def copy(target: Path, name: str | None = None) -> files.Plan:
    """Copy, and return what was done."""
    plan = files.plan(target, name)
    assert plan.collisions == []
    files.carry_out(plan, target)
    return plan


def edit(path: Path) -> str:
    """Write a line of the project's own into a file. Returns the text."""
    path.write_text(path.read_text() + "# ours\n")
    return path.read_text()


def tree(target: Path) -> dict[str, bytes]:
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def imported(code: str) -> Iterator[str]:
    """Modules that it imports, and `module.name` for each name that it imports from one."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# --- what is copied --------------------------------------------------------------------------------------------------


def test_all_that_a_copied_module_imports_of_ours_is_copied(renamed: dict[str, str]) -> None:
    """Nothing of our shop is there, and nothing asks for it."""
    modules = {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in renamed}
    rooms = ("till_config", "config", "billing", "actors", "commerce")
    wanted = {name for code in renamed.values() for name in imported(code) if name.partition(".")[0] in rooms}

    missing = {name for name in wanted if name not in modules and name.rpartition(".")[0] not in modules}

    assert missing == set()
    assert "billing.payments.check" in modules
    assert not [path for path in renamed if path.startswith(("commerce", "config/", "billing/embed", "tests"))]


def test_a_copy_with_another_name_for_config_says_config_nowhere(renamed: dict[str, str]) -> None:
    """Neither in imports nor in dotted names, which only fail when they are used."""
    parts = "|".join(path.stem for path in (files.SOURCE / "config").iterdir())
    left = {
        (path, node.value)
        for path, code in renamed.items()
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(rf"(?<!till_)\bconfig[./](?:{parts})\b|^config$", node.value)
    }

    assert left == set()
    assert not {name for code in renamed.values() for name in imported(code) if name.partition(".")[0] == "config"}
    assert '"till_config.messaging.broker.Rabbitmq"' in renamed["till_config/env/broker.py"]
    assert 'name = "till_config"' in renamed["till_config/apps.py"]


@pytest.mark.parametrize("word", ["config_x.env", "my.config.env", "configure", "a-config/env", "deploy/config/env"])
def test_a_name_that_only_looks_like_our_config_stays(word: str) -> None:
    """A name of another package, or a part of one."""
    assert files.renamed(word, "till_config") == word


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from config import env", "from x import env"),
        ("    from config.env.files import VAR_DIR", "    from x.env.files import VAR_DIR"),
        ("import config.hosts", "import x.hosts"),
        ('BROKER = "config.messaging.broker.InMemory"', 'BROKER = "x.messaging.broker.InMemory"'),
        ("# see config/due/queue.py", "# see x/due/queue.py"),
    ],
)
def test_each_place_of_the_name_is_rewritten(code: str, expected: str) -> None:
    """Imports, dotted names, paths."""
    assert files.renamed(code, "x") == expected


def test_every_setting_that_is_read_has_a_default(renamed: dict[str, str]) -> None:
    """In `config.env.embedding`, in Django, or in the guide."""
    read = {
        (node.attr, path)
        for path, code in renamed.items()
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "settings"
    }
    known = {*embedding.__all__, *dir(global_settings), *OF_THE_PROJECT}

    assert {(name, path) for name, path in read if name.isupper() and name not in known} == set()
    assert len(read) > 50
    assert set(re.findall(r"^([A-Z_]+) = ", GUIDE, re.MULTILINE)) >= OF_THE_PROJECT


def test_the_settings_of_a_project_get_no_other_names_of_ours() -> None:
    """cookiecutter-django has an `env` and a BASE_DIR, and both must stay."""
    assert {name for name in embedding.__all__ if not name.isupper()} == set()
    assert not {"BASE_DIR", "DATABASES", "SECRET_KEY", "ALLOWED_HOSTS"} & set(embedding.__all__)
    assert project.our_settings() == set(embedding.__all__)


# --- a copy, and the next --------------------------------------------------------------------------------------------


def test_a_copy_writes_what_is_needed_and_a_second_one_nothing(target: Path) -> None:
    """And a check before says so, without changing a file."""
    before = tree(target)
    assert main(["CHECK", str(target)]) == SOMETHING_LEFT
    assert tree(target) == before

    assert copy(target).write.keys() == dict(files.needed("config")).keys()

    after = tree(target)
    assert before.items() <= after.items()
    assert main(["COPY", str(target)]) == SOMETHING_LEFT, "the settings are not written yet"
    assert tree(target) == after


def test_a_file_that_the_project_changed_is_never_overwritten(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If we have changed it too, it is named; a later copy does not forget that."""
    copy(target)
    both, theirs = target / "billing/money.py", target / "billing/states.py"
    changed, kept = edit(both), edit(theirs)
    needed = files.needed
    monkeypatch.setattr(files, "needed", lambda config: [(p, _newer(p, c)) for p, c in needed(config)])

    plan = copy(target)

    assert plan.changed == ["billing/money.py"]
    assert list(plan.write) == ["billing/lookup.py"]
    assert (both.read_text(), theirs.read_text()) == (changed, kept)
    assert copy(target).changed == ["billing/money.py"]
    assert both.read_text() == changed


def _newer(path: str, content: bytes) -> bytes:
    """Our next release changes two files."""
    return content + b"# next\n" if path in ("billing/money.py", "billing/lookup.py") else content


def test_a_file_that_is_not_needed_any_more_goes_unless_it_was_changed(target: Path) -> None:
    """The next release may import what it no longer has."""
    copy(target)
    manifest = json.loads((target / files.MANIFEST).read_text())
    for name in ("billing/old.py", "billing/older.py"):
        (target / name).write_text("x = 1\n")
        manifest["files"][name] = files._hash(b"x = 1\n")
    (target / files.MANIFEST).write_text(json.dumps(manifest))
    edit(target / "billing/older.py")

    plan = copy(target)

    assert (plan.delete, plan.changed) == (["billing/old.py"], ["billing/older.py"])
    assert not (target / "billing/old.py").exists()
    assert (target / "billing/older.py").exists()


def test_a_check_that_would_only_delete_says_that_something_is_left(
    target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was "Nothing is left to do." below "delete 1"."""
    copy(target)
    manifest = json.loads((target / files.MANIFEST).read_text())
    manifest["files"]["billing/old.py"] = files._hash(b"")
    (target / files.MANIFEST).write_text(json.dumps(manifest))
    (target / "billing/old.py").touch()

    assert main(["check", str(target)]) == SOMETHING_LEFT

    told = capsys.readouterr().out
    assert "write 0 files and delete 1" in told
    assert "Nothing is left" not in told


def test_line_ends_of_windows_are_no_change_of_the_project(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git writes them where the project asks for them, and the next release must still replace the files."""
    copy(target)
    for path in (target / "billing").rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert (copy(target).write, copy(target).changed) == ({}, [])
    needed = files.needed
    monkeypatch.setattr(files, "needed", lambda config: [(p, _newer(p, c)) for p, c in needed(config)])

    assert sorted(copy(target).write) == ["billing/lookup.py", "billing/money.py"]


def test_a_copy_that_was_interrupted_is_taken_up_again(target: Path) -> None:
    """Its files are ours, though the manifest does not know them yet."""
    (target / "config").mkdir()
    plan = files.plan(target, None)
    plan.write["billing"] = b"no file can have the name of a package"
    with pytest.raises(IsADirectoryError):
        files.carry_out(plan, target)

    assert (copy(target).write, files.plan(target, None).config) == ({}, "till_config")


@pytest.mark.parametrize("ends_by", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_no_file_is_left_half_written(
    target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ends_by: BaseException
) -> None:
    """It would be taken for one of the project: the next copy would refuse."""
    whole = Path.write_bytes

    def half(path: Path, content: bytes) -> int:
        whole(path, content[:10])
        if path.name.startswith("money.py"):
            raise ends_by
        return whole(path, content)

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_bytes", half)
        assert main(["copy", str(target)]) == SOMETHING_LEFT

    assert "It has stopped; copy again" in capsys.readouterr().out
    assert not list((target / "billing").glob("money.py*"))
    assert "billing/money.py" in copy(target).write


@pytest.mark.parametrize("damaged", ["", "<<<<<<< HEAD\n", "{}"])
def test_a_damaged_manifest_is_one_sentence(target: Path, damaged: str) -> None:
    """Without it the changes of the project would not be known."""
    copy(target)
    (target / files.MANIFEST).write_text(damaged)

    (refused,) = files.plan(target, None).collisions

    assert refused.startswith("billing/copied.json is damaged")


# --- what is in the way ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "theirs", ["billing/__init__.py", "billing/templates/invoice.html", "actors.py", "billing.py", "billing"]
)
def test_a_package_of_the_project_is_not_mixed_with_ours(
    target: Path, capsys: pytest.CaptureFixture[str], theirs: str
) -> None:
    """Nothing is written then."""
    (target / theirs).parent.mkdir(parents=True, exist_ok=True)
    (target / theirs).write_text("# theirs\n")
    before = tree(target)

    assert main(["copy", str(target)]) == REFUSED

    assert tree(target) == before
    assert f"a package {re.split('[./]', theirs)[0]} of its own" in capsys.readouterr().out


@pytest.mark.parametrize("leads_to", ["nowhere", "another"])
def test_nothing_is_written_through_a_link(target: Path, leads_to: str) -> None:
    """It may lead into another project."""
    (target / "another").mkdir()
    (target / "billing").symlink_to(target / leads_to)

    assert files.plan(target, None).collisions == ["the project has a package billing of its own"]


def test_a_link_instead_of_a_copied_file_is_in_the_way(target: Path) -> None:
    """Where it leads to a file, that is the project's change."""
    copy(target)
    (target / "billing/money.py").unlink()
    (target / "billing/money.py").symlink_to("nowhere.py")

    assert files.plan(target, None).collisions == ["billing/money.py exists, and is not a file"]


@pytest.mark.parametrize("inside", ["", "billing", "tests/unit"])
def test_our_own_directory_is_no_project(inside: str) -> None:
    """A copy would find itself among its sources."""
    (refused,) = files.plan(files.SOURCE / inside, None).collisions

    assert "is our own directory" in refused


@pytest.mark.parametrize("theirs", ["config/urls.py", "config/settings/base.py", "config.py", "config/nginx.conf"])
def test_beside_a_config_of_the_project_ours_gets_another_name(target: Path, theirs: str) -> None:
    """And keeps it in the next copy."""
    (target / theirs).parent.mkdir(parents=True, exist_ok=True)
    (target / theirs).write_text("theirs\n")

    assert copy(target).config == "till_config"

    assert [*copy(target).write, files.plan(target, None).config] == ["till_config"]
    assert (target / theirs).read_text() == "theirs\n"
    assert [path for path in tree(target) if path.startswith("config")] == [theirs]


def test_the_name_of_our_config_can_be_chosen_once(target: Path) -> None:
    """A second one would leave the first behind, half used."""
    assert copy(target, "kasse").config == "kasse"

    assert files.plan(target, "other").collisions == [
        "our config is here as kasse: leave --as out, or move the package first"
    ]


def test_an_app_with_a_label_of_ours_is_in_the_way(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever its package is."""
    (target / "shop/billing").mkdir(parents=True)
    for package in ("shop", "shop/billing"):
        (target / package / "__init__.py").touch()
    settings = (target / "site_settings.py").read_text()
    (target / "site_settings.py").write_text(f"{settings}INSTALLED_APPS = ['shop.billing']\n")

    assert main(["copy", str(target)]) == REFUSED

    assert "the app shop.billing has the label billing" in capsys.readouterr().out
    assert not (target / "actors").exists()


@pytest.mark.parametrize(
    ("installed", "is_enough"), [("1.4.0", True), ("1.4.7", True), ("1.5.0", False), ("1.3.9", False), (None, False)]
)
def test_a_requirement_that_is_missing_or_of_another_version_is_named(
    monkeypatch: pytest.MonkeyPatch, installed: str | None, is_enough: bool
) -> None:
    """Only those that the copied code imports."""

    def version(name: str) -> str:
        if name != "pika":
            return real(name)
        if installed is None:
            raise metadata.PackageNotFoundError
        return installed

    real = metadata.version
    monkeypatch.setattr(metadata, "version", version)

    missing = project.missing_requirements(dict(files.needed("config")))

    assert missing == [] if is_enough else ["pika>=1.4,<1.5"]


def test_an_app_with_the_label_of_our_config_is_in_the_way_of_that_name_only() -> None:
    """`shop.config`, where the project has no package `config`."""
    told = {"labels": {"config": "shop.config"}}

    assert len(list(project.labels_in_the_way(told, "config"))) == 1
    assert list(project.labels_in_the_way(told, "till_config")) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import atexit; atexit.register(print, 'bye')", "Settings"),
        ("import os; os._exit(7)", "ended with status 7"),
        ("print('{')", "Settings"),
        ("input('Which settings? ')", "EOFError"),
    ],
)
def test_a_project_may_print_and_die_as_it_likes(target: Path, line: str, told: str) -> None:
    """Its answer is read all the same, and a missing one is a sentence."""
    (target / "manage.py").write_text(line + MANAGE)

    assert told in project.ask(target)["error"]


def test_a_project_that_hangs_is_a_sentence(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may wait for its database, for example."""
    monkeypatch.setattr(project, "ANSWER_WITHIN_S", 1)
    (target / "manage.py").write_text("import threading; threading.Event().wait()")

    assert project.ask(target)["error"] == "manage.py has not ended within 1 s"


@pytest.mark.parametrize(
    "arguments",
    [
        ["copy", "/nowhere"],
        ["move", "."],
        *(["copy", ".", "--as", name] for name in ("not a name", "", "class", "billing", "json", "django")),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(arguments: list[str]) -> None:
    """With the usual status."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == REFUSED


def test_what_is_left_to_do_is_text_to_paste() -> None:
    """The same as in the guide; a project that has all of it has nothing left to do."""
    empty: dict[str, Any] = {
        "error": "",
        "callbacks": "",
        "has": [],
        "installed": [],
        "engine": "sqlite3",
        "transactions": None,
    }
    whole = empty | {
        "callbacks": "billing.callbacks.views",
        "has": [*embedding.__all__, *OF_THE_PROJECT],
        "installed": ["django_dramatiq", "config", "billing", "actors"],
        "transactions": "IMMEDIATE",
    }
    lines = [line.strip() for left in project.left_to_do(empty, "config") for line in left.splitlines()[1:]]

    assert {line.partition("  #")[0] for line in lines if "<your app>" not in line and "+=" not in line} <= {
        line.strip().partition("  #")[0] for line in GUIDE.splitlines()
    }
    assert len(lines) == 6
    assert list(project.left_to_do(whole, "config")) == []
    assert DONE == 0
