"""What an operator has paused."""

from actors.models import Pause


def pauses(kind: Pause.Kind) -> dict[str, Pause]:
    """The pauses of queues, or of schedule entries, by name."""
    return {pause.name: pause for pause in Pause.objects.filter(kind=kind)}
