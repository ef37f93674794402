"""The expressions and panels that the dashboards share."""

from collections.abc import Mapping

from deploy.grafana.model import Panel, Query, Steps

EVERY = "$__rate_interval"
"""Grafana's variable: at least four scrapes, and at least one point of the chart."""


def per_minute(counter: str, by: str, where: str = "") -> str:
    """The rate per minute, by a label."""
    return f"60 * sum by ({by}) (rate({counter}{{{where}}}[{EVERY}]))"


def percentile(share: float, histogram: str, by: str = "", where: str = "") -> str:
    """The value below which this share of the observations lies."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{{where}}}[{EVERY}])))"


def or_zero(expression: str) -> str:
    """0 instead of no data if the counter has no series yet; adds no zero line beside other lines."""
    return f"{expression} or on () vector(0)"


def number(title: str, description: str, expression: str, unit: str = "short", steps: Steps | None = None) -> Panel:
    """One number in a green, yellow or red box. Its title is its legend."""
    return Panel(title, description, unit, [Query(expression, title)], kind="stat", width=4, height=4, steps=steps)


def answers(title: str, description: str, expression: str) -> Panel:
    """Does a part answer? 1 if it does, else 0, shown as a word."""
    words = {0: ("away", "red"), 1: ("answers", "green")}
    return Panel(title, description, "short", [Query(expression, title)], kind="stat", width=4, height=4, words=words)


def states(title: str, description: str, query: Query, words: Mapping[int, tuple[str, str]]) -> Panel:
    """A band over time for each line, with the state as a word in its color."""
    return Panel(title, description, "short", [query], kind="state-timeline", words=words)


def chart(
    title: str, description: str, unit: str, *queries: Query, steps: Steps | None = None, stacked: bool = False
) -> Panel:
    """A line chart, two per row."""
    return Panel(title, description, unit, queries, steps=steps, stacked=stacked)


MUST_BE_UP = Steps(yellow=1, red=0.5)
"""Red below one."""

SHOULD_BE_NONE = Steps(yellow=1, red=10)
"""Yellow from one, red from ten."""
