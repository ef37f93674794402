"""How a figure is told: its median, its spread, and whether a target was reached."""

from statistics import median


def figure(what: str, values: list[float], unit: str) -> str:
    """One line."""
    spread = f"{min(values):.3g} to {max(values):.3g}"
    return f"  {what:<28} median {median(values):.3g} {unit}   ({spread}, n = {len(values)})"


def target(what: str, reached: bool) -> str:
    """One line."""
    return f"  target: {what} in the median: {'reached' if reached else 'MISSED'}"
