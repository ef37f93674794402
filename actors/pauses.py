"""Queues and schedule entries that an operator has paused."""

import logging

from actors.models import Pause

log = logging.getLogger(__name__)

QUEUE, SCHEDULE = Pause.Kind.QUEUE, Pause.Kind.SCHEDULE


def pause(kind: Pause.Kind, name: str, by: str, why: str) -> bool:
    """Pause it. Returns False if it was paused already; its first reason stays.

    Workers stop taking messages from a paused queue within `heartbeat.BEAT_S` seconds; running jobs finish. A paused
    schedule entry is not fired, and its missed ticks are not caught up.
    """
    details = {"paused_by": by[:150], "why": why[:200]}
    _, new = Pause.objects.get_or_create(kind=kind, name=name, defaults=details)
    if new:
        log.warning("paused", extra={"kind": kind.value, "paused": name, "by": by, "why": why})
    return new


def resume(kind: Pause.Kind, name: str, by: str) -> bool:
    """Resume it. Returns False if it was not paused."""
    was_paused = bool(Pause.objects.filter(kind=kind, name=name).delete()[0])
    if was_paused:
        log.warning("resumed", extra={"kind": kind.value, "resumed": name, "by": by})
    return was_paused


def paused(kind: Pause.Kind) -> dict[str, Pause]:
    """The queues, or the schedule entries, that are paused, by name."""
    return {pause.name: pause for pause in Pause.objects.filter(kind=kind)}
