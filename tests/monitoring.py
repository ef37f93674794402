"""What deploy/prometheus and deploy/grafana ship, read as data."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from config.metrics import CATALOGUE

ROOT = Path(__file__).resolve().parents[1]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOK = ROOT / "deploy" / "RUNBOOK.md"

OF_PROMETHEUS = {"up"}
"""Prometheus writes these itself."""

SUFFIXES = ("_bucket", "_count", "_sum")


def document(name: str) -> Any:
    """One of the files in deploy/prometheus."""
    return yaml.safe_load((PROMETHEUS / name).read_text())


def rules(name: str) -> list[dict[str, Any]]:
    """Every rule of a file, as it stands there."""
    return [rule for group in document(name)["groups"] for rule in group["rules"]]


def names_in(expression: str) -> set[str]:
    """The series that a PromQL expression reads. Raises ValueError, in Prometheus' words, for one that is none."""
    return {name for name in _selectors(promql_parser.parse(expression)) if name}


def is_known(name: str) -> bool:
    """Is it a series of the catalogue, a recording rule, Prometheus' own, or (tried on a real one) RabbitMQ's?"""
    recorded = {rule["record"] for rule in rules("recording.yml")}
    return name in recorded | OF_PROMETHEUS or name.startswith("rabbitmq_") or _catalogued(name)


def _catalogued(name: str) -> bool:
    """A histogram has three names, and none of them is the one in the catalogue."""
    family = re.sub(f"({'|'.join(SUFFIXES)})$", "", name)
    if family in CATALOGUE and CATALOGUE[family].kind == "histogram":
        return name != family
    return name in CATALOGUE and CATALOGUE[name].kind != "histogram"


def _selectors(node: Any) -> Iterator[str | None]:
    match type(node).__name__:
        case "VectorSelector":
            yield node.name
        case "MatrixSelector":
            yield node.vector_selector.name
        case "Call":
            for argument in node.args:
                yield from _selectors(argument)
        case "BinaryExpr":
            yield from _selectors(node.lhs)
            yield from _selectors(node.rhs)
        case "NumberLiteral" | "StringLiteral":
            return
        case "AggregateExpr" | "ParenExpr" | "SubqueryExpr" | "UnaryExpr":
            yield from _selectors(node.expr)
        case unknown:
            raise AssertionError(f"what is read by {unknown}?")
