"""What deploy/prometheus and deploy/grafana ship, read as data."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from config.metrics.registry import CATALOGUE, Series

ROOT = Path(__file__).resolve().parents[1]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOK = ROOT / "deploy" / "RUNBOOK.md"

OF_PROMETHEUS = {"up", "ALERTS"}
"""Prometheus writes these itself."""

SUFFIXES = ("_bucket", "_count", "_sum")


def document(name: str) -> Any:
    """One of the files in deploy/prometheus."""
    return yaml.safe_load((PROMETHEUS / name).read_text())


def rules(name: str) -> list[dict[str, Any]]:
    """Every rule of a file, as it stands there."""
    return [rule for group in document(name)["groups"] for rule in group["rules"]]


def resolved(expression: str) -> str:
    """As Grafana would send it to Prometheus, for a picture of some minutes."""
    return expression.replace("$__rate_interval", "1m")


def names_in(expression: str) -> set[str]:
    """The series that a PromQL expression reads. Raises ValueError, in Prometheus' words, for one that is none."""
    return {selector.name for selector, _ in _selectors(_parsed(expression))}


def counters_in(expression: str) -> set[str]:
    """The counters that are read as they are, and not as a rate or an increase."""
    return {s.name for s, rated in _selectors(_parsed(expression)) if _only_grows(s.name) and not rated}


def labels_in(expression: str) -> set[str]:
    """Labels that are matched and that the catalogue's series does not have."""
    return {
        f"{selector.name}{{{matcher.name}}}"
        for selector, _ in _selectors(_parsed(expression))
        for matcher in selector.matchers.matchers
        if matcher.name not in _labels_of(selector.name)
    }


def is_known(name: str) -> bool:
    """Is it a series of the catalogue, a recording rule, Prometheus' own, or (tried on a real one) RabbitMQ's?"""
    recorded = {rule["record"] for rule in rules("recording.yml")}
    return name in recorded | OF_PROMETHEUS or name.startswith("rabbitmq_") or _series(name) is not None


def _series(name: str) -> Series | None:
    """A histogram has three names, and none of them is the one in the catalogue."""
    family = CATALOGUE.get(re.sub(f"({'|'.join(SUFFIXES)})$", "", name))
    if family is not None and family.kind == "histogram":
        return family if name != family.name else None
    return CATALOGUE.get(name)


def _only_grows(name: str) -> bool:
    series = _series(name)
    grows = series is not None and series.kind in ("counter", "histogram")
    return grows or (name.startswith("rabbitmq_") and name.endswith("_total"))


def _labels_of(name: str) -> set[str]:
    """With those that Prometheus adds."""
    series = _series(name)
    own = set(series.labels) if series else {"alertstate", "severity"}
    return own | {"job", "instance", "le"}


def _parsed(expression: str) -> Any:
    return promql_parser.parse(resolved(expression))


def _selectors(node: Any, rated: bool = False) -> Iterator[tuple[Any, bool]]:
    """Every selector, and whether it is read as a rate."""
    match type(node).__name__:
        case "VectorSelector":
            yield node, rated
        case "MatrixSelector":
            yield node.vector_selector, rated
        case "Call":
            for argument in node.args:
                yield from _selectors(argument, node.func.name in ("rate", "increase"))
        case "BinaryExpr":
            yield from _selectors(node.lhs, rated)
            yield from _selectors(node.rhs, rated)
        case "NumberLiteral" | "StringLiteral":
            return
        case "AggregateExpr" | "ParenExpr" | "SubqueryExpr" | "UnaryExpr":
            yield from _selectors(node.expr, rated)
        case unknown:
            raise AssertionError(f"what is read by {unknown}?")
