"""Where an operator sees a fault: `jobs doctor`, the console, `/readyz`, and the alerts."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from config.cli.command import SomethingLeft
from tests.alerts.promtool import alerts_of
from tests.metrics import Page
from tests.stack.programs import MissingProgram

Found = Callable[[], dict[str, str]]


def findings(boss: Client) -> dict[str, str]:
    """Problems by subject. Doctor and console show the same list."""
    printed = StringIO()
    with suppress(SomethingLeft):
        call_command("jobs", "doctor", "--json", stdout=printed)
    said = [(each["about"], each["problem"], each["do"]) for each in json.loads(printed.getvalue())]
    told = boss.get(reverse("console:overview"), {"as": "json"}).json()["findings"]
    assert [(each["subject"], each["problem"], each["advice"]) for each in told] == said
    assert boss.get(reverse("console:overview")).status_code == 200
    return {subject: problem for subject, problem, _advice in said}


@dataclass(frozen=True)
class Told:
    """The findings of doctor and console, the new alerts, and the failed checks of `/readyz` (none: it answers 200)."""

    findings: dict[str, str]
    alerts: set[str]
    unready: Sequence[str] = ()


class Faces:
    """All four of the embedded shop; an alert is new if it did not fire when this object was made."""

    def __init__(self, boss: Client, found: Found) -> None:
        self._boss, self._found = boss, found
        self._before = self._metrics()

    def told(self) -> Told:
        """What all of them say now."""
        ready = self._boss.get("/readyz")
        unready = tuple(ready.json()["problems"])
        assert ready.status_code == (503 if unready else 200)
        return Told(self._found(), self._alerts(), unready)

    def _alerts(self) -> set[str]:
        try:
            return alerts_of({"web": self._before}, {"web": self._metrics()})
        except MissingProgram as missing:  # `make test` finds or installs it first
            pytest.skip(str(missing))

    def _metrics(self) -> Page:
        return Page(self._boss.get("/metrics").text)
