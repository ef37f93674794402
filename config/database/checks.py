"""What `check --deploy --database default` says of the database."""

from typing import Any

from django.core.checks import CheckMessage, Tags, register
from django.core.checks import Warning as Warned

from config.database.in_force import differences


@register(Tags.database, deploy=True)
def of_the_database(*, databases: Any = None, **_more: Any) -> list[CheckMessage]:
    """A warning for each property of the connection that is not as our settings ask for."""
    found = differences() if databases else []
    return [Warned(f"{each.subject}: {each.problem}.", hint=each.advice, id="config.W001") for each in found]
