"""The actors that this project declares."""

from dataclasses import dataclass
from typing import Any

import dramatiq

from actors.scheduling.table import table


@dataclass(frozen=True)
class DeclaredActor:
    """One actor. Times are seconds."""

    actor: str
    queue: str
    time_limit_s: float
    max_age_s: float
    max_retries: int
    period: str
    does: str


def declared_actors() -> list[DeclaredActor]:
    """Every actor, by queue and name."""
    periods = {entry.actor: str(entry.period) for entry in table()}
    actors = dramatiq.get_broker().actors.values()
    found = [_declared(actor, periods.get(actor.actor_name, "")) for actor in actors]
    return sorted(found, key=lambda actor: (actor.queue, actor.actor))


def _declared(actor: "dramatiq.Actor[..., Any]", period: str) -> DeclaredActor:
    options = actor.options
    return DeclaredActor(
        actor=actor.actor_name,
        queue=actor.queue_name,
        time_limit_s=options.get("time_limit", 0) / 1000,
        max_age_s=options.get("max_age", 0) / 1000,
        max_retries=options.get("max_retries", 0),
        period=period,
        does=(actor.fn.__doc__ or "").strip().partition("\n")[0],
    )
