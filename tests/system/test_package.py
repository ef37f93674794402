"""`pip install .`: the package has all that it needs, and runs from an empty directory."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import requests

from config.version import version
from tests.embedded import ROOT
from tests.stack.ports import HANG_S, LOOPBACK, free_port
from tests.stack.processes import Program

PACKAGES = ("config", "billing", "commerce", "actors", "deploy/nginx")
ALONE = [path for path in (ROOT / "deploy").iterdir() if path.is_file()]
"""Without what stands below: units, dashboards and the like are for a host with the code."""
BUILT_FROM = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")


def run(*command: str | Path, **options: object) -> "subprocess.CompletedProcess[str]":
    """To its end; its output goes into the report of a failure."""
    done: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]
        [str(word) for word in command], capture_output=True, text=True, timeout=HANG_S, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves its own files in a tree, and packs them the next time. One that is too old
    to build a wheel alone is fetched, as `pip install .` does."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name)
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, source)
    for path in ALONE:
        shutil.copy(path, source / "deploy")
    offline = ["--no-build-isolation", "--no-index"] if find_spec("setuptools.command.bdist_wheel") else []
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *offline, "--wheel-dir", out, source)
    (found,) = out.iterdir()
    return found


@pytest.fixture(scope="module")
def tillkeeper(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, installed in a fresh environment. The libraries are this one's: to install them takes a minute."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    python = venv / "bin/python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return venv / "bin/tillkeeper"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """An empty directory."""
    return tmp_path


@pytest.fixture
def shop(tillkeeper: Path, here: Path) -> Iterator[str]:
    """The address of a shop that was started there as a newcomer would."""
    url, sandbox = (f"http://{LOOPBACK}:{free_port()}" for _ in range(2))
    environment = {"PATH": os.environ["PATH"], "SHOP_URL": url, "SANDBOX_URL": sandbox}
    with Program("runlocal", [tillkeeper, "runlocal", "--prepare"], environment, cwd=here) as program:
        program.wait_for_output("Ctrl-C ends it", HANG_S)
        yield url


def test_the_wheel_has_every_file_and_no_other(wheel: Path) -> None:
    """A template or a translation that is missing would only be noticed on its page."""
    ours = {
        str(path.relative_to(ROOT))
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } | {str(path.relative_to(ROOT)) for path in ALONE}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == ours
    assert {f"{name}/py.typed" for name in ("config", "billing", "commerce", "actors")} <= packed
    assert wheel.name == f"tillkeeper-{version()}-py3-none-any.whl"


def test_the_shop_runs_from_an_empty_directory(shop: str, here: Path) -> None:
    """Pages with their styles, in both languages; its data is in `var` of that directory."""
    page = requests.get(shop, headers={"Accept-Language": "ru"}, timeout=HANG_S)
    assert "В корзину" in page.text
    for path in ("/static/commerce/shop.css", "/static/console/console.css", "/static/admin/css/base.css", "/mails/"):
        assert requests.get(shop + path, timeout=HANG_S).ok, path
    assert (here / "var/shop.sqlite3").exists()
    assert [path.name for path in here.iterdir()] == ["var"]


def test_its_commands_work(tillkeeper: Path, here: Path) -> None:
    """Also those that read files beside the code; the version is the package's own, and so is the runbook."""
    environment = {"PATH": os.environ["PATH"], "SHOP_URL": "https://shop.example.com"}
    run(tillkeeper, "check", cwd=here, env=environment)
    assert run(tillkeeper, "--version", cwd=here, env=environment).stdout == f"tillkeeper {version()}\n"
    site = run(tillkeeper, "nginxconf", "--certificate", __file__, "--key", __file__, cwd=here, env=environment).stdout
    assert "server_name" in site
    code = (
        "from django.conf import settings; from actors.operations.queries.runbook import runbook_url;"
        "print(settings.RELEASE, runbook_url())"
    )
    told = run(tillkeeper, "shell", "--no-imports", "-c", code, cwd=here, env=environment).stdout
    assert told.split() == [version(), "https://shop.example.com/admin/console/runbook"]
