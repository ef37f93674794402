"""The same guide in a project laid out as cookiecutter-django writes it, which has a package `config` of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import cookiecutter
from tests.system.museum import Cookiecutter, InAnyProject, Museum, in_one_process, opened

pytestmark = pytest.mark.django_db(transaction=False)


@pytest.fixture(scope="module")
def museum(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Museum]:
    """The museum, open."""
    with opened(Cookiecutter(tmp_path_factory.mktemp("museum")), in_one_process) as museum:
        yield museum


class TestMuseum(InAnyProject):
    """What holds in any project."""


def test_the_projects_own_config_stays_as_it_was(museum: Museum) -> None:
    """The guide only adds to its settings and addresses."""
    theirs = {name: code.lstrip() for name, code in cookiecutter.FILES.items() if name.startswith("config/")}
    now = {path.relative_to(museum.directory).as_posix(): path.read_text() for path in _python_files(museum)}

    assert now.keys() == theirs.keys()
    assert {name for name, code in now.items() if not code.startswith(theirs[name])} == set()
    assert {name for name, code in now.items() if code != theirs[name]} == {"config/urls.py", museum.settings}


def _python_files(museum: Museum) -> Iterator[Path]:
    return (museum.directory / "config").rglob("*.py")
