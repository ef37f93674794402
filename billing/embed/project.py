"""The project as its own Python sees it: its settings, its apps, and what is missing there."""

import configparser
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from billing.embed.files import SOURCE

APPS = ("django_dramatiq", "billing", "actors")
"""What INSTALLED_APPS needs, and our `config`."""

ANSWER_WITHIN_S = 300
"""A project that is read takes seconds. One that waits for an answer, or for its database, would wait for ever."""

PROBE = """
import json, os, runpy, sys
told = {"error": "", "callbacks": ""}
def look(*_):
    from django.conf import settings
    told["has"] = [name for name in dir(settings) if name.isupper()]
    told["installed"] = list(settings.INSTALLED_APPS)
    database = settings.DATABASES["default"]
    told["engine"] = database["ENGINE"]
    told["transactions"] = database.get("OPTIONS", {}).get("transaction_mode")
    import django
    django.setup()
    from django.apps import apps
    told["labels"] = {app.label: app.name for app in apps.get_app_configs()}
    from django.urls import Resolver404, resolve
    try:
        told["callbacks"] = resolve("/callbacks/sandbox/").func.__module__
    except Resolver404:
        pass
    management.call_command("check", stdout=open(os.devnull, "w"))
sys.argv = ["manage.py", "check"]
try:
    from django.core import management
    management.execute_from_command_line = look
    runpy.run_path("manage.py", run_name="__main__")
except BaseException as error:
    told["error"] = f"{type(error).__name__}: {error}"
sys.__stdout__.write("\\n" + json.dumps(told))
sys.__stdout__.flush()
os._exit(0)  # nothing that the project does at its end comes after the answer
"""
"""Run by the project's own manage.py, which names the settings and may extend the path."""


def ask(target: Path) -> dict[str, Any]:
    """What the project's settings and apps say, read by a process of its own."""
    command = [sys.executable, "-B", "-c", PROBE]
    try:
        done = subprocess.run(
            command, cwd=target, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWER_WITHIN_S
        )
    except subprocess.TimeoutExpired:
        return {"error": f"manage.py has not ended within {ANSWER_WITHIN_S} s"}
    try:
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"error": f"manage.py has ended with status {done.returncode}"}
    return told


def missing_requirements(files: Mapping[str, bytes]) -> list[str]:
    """Those of our requirements that these files import, and that are not installed here in the right version."""
    setup = configparser.ConfigParser()
    setup.read(SOURCE / "setup.cfg")  # not there where Tillkeeper is installed, and then pip has installed them too
    code = b"\n".join(content for path, content in files.items() if path.endswith(".py"))
    imported = {name.decode() for name in re.findall(rb"(?m)^\s*(?:from|import) (\w+)", code)}
    needed = setup.get("options", "install_requires", fallback="").split()
    return [line for line in needed if _name(line).replace("-", "_") in imported and not _is_installed(line)]


def our_settings() -> set[str]:
    """The names that `config.env.embedding` defines, without importing it: its requirements may be missing."""
    env = SOURCE / "config/env"
    modules = re.findall(r"from config\.env\.(\w+) import", (env / "embedding.py").read_text())
    code = "\n".join((env / f"{name}.py").read_text() for name in (*modules, "embedding"))
    return set(re.findall(r"(?m)^([A-Z][A-Z_\d]+)\b(?:: [^=]+)? = ", code)) - {"BASE_DIR"}


def same_names(told: Mapping[str, Any]) -> list[str]:
    """Settings that the project had before ours."""
    common = our_settings() & set(told.get("has", ()))
    return sorted(common) if "PAYMENT_ACCOUNTS" not in common else []


def labels_in_the_way(told: Mapping[str, Any], config: str) -> Iterator[str]:
    """Apps of the project that Django would take for ours."""
    for label in (config, *APPS):
        if (name := told.get("labels", {}).get(label, label)) != label:
            yield f"the app {name} has the label {label}: Django allows one app of a label"


def left_to_do(told: Mapping[str, Any], config: str) -> Iterator[str]:
    """What the project's settings and addresses lack after a copy, as text to paste."""
    if missing := our_settings() - set(told.get("has", ())):
        yield (f"settings: {len(missing)} are missing, like {min(missing)}\n    from {config}.env.embedding import *")
    if apps := [app for app in (APPS[0], config, *APPS[1:]) if app not in told.get("installed", ())]:
        yield f"settings: apps are missing\n    INSTALLED_APPS += {json.dumps(apps)}"
    for name, example in EXAMPLES.items():
        if name not in told.get("has", ()):
            yield f"settings: {name} is missing\n    {name} = {example}"
    if "sqlite" in str(told.get("engine")) and told.get("transactions") != "IMMEDIATE":
        yield (
            "settings: on SQLite, threads that read and then write would fail instead of waiting for each other\n"
            '    DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", '
            '"init_command": "PRAGMA journal_mode=WAL;"}'
        )
    if told["error"]:
        yield f"Django: {told['error']}"
    elif told["callbacks"] != "billing.callbacks.views":
        yield (
            "urls: callbacks do not arrive\n"
            '    path("callbacks/", include("billing.callbacks.urls")),  # at this address'
        )


EXAMPLES = {
    "ACTOR_MODULES": '["actors.payments", "actors.pruning", "<your app>.tasks"]',
    "ACTOR_SCHEDULE": '"<your app>.tasks.schedule"',
}
"""Settings without a default, which only the project can give."""


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=]", requirement)[0]


def _is_installed(requirement: str) -> bool:
    """`requirement` has no other bounds than `>=` and `<`."""
    try:
        version = _numbers(metadata.version(_name(requirement)))
    except metadata.PackageNotFoundError:
        return False
    bounds = re.findall(r"(>=|<)([\d.]+)", requirement)
    return all((version >= _numbers(bound)) == (sign == ">=") for sign, bound in bounds)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
