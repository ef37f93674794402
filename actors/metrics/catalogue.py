"""Every series there is, in one table: deploy/METRICS.md is written from it, and a test compares them."""

from collections.abc import Iterable

from config.metrics import CATALOGUE, Series


def catalogue() -> list[Series]:
    """All that this project shows, by name. Complete once Django is set up."""
    return [CATALOGUE[name] for name in sorted(CATALOGUE)]


def as_markdown(series: Iterable[Series]) -> str:
    """The table of deploy/METRICS.md."""
    rows = [f"| `{each.name}` | {each.kind} | {_labels(each)} | {each.help} |" for each in series]
    return "\n".join(["| series | kind | labels | meaning |", "| --- | --- | --- | --- |", *rows]) + "\n"


def _labels(series: Series) -> str:
    return ", ".join(f"`{label}`" for label in series.labels) or "–"
