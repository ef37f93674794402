"""The scheduler's counter."""

from config.metrics.registry import counter

TICKS_FIRED_TOTAL = counter(
    "tillkeeper_ticks_fired_total", "Ticks that this scheduler was the first to fire.", "schedule"
)
