"""The ids of a provider: what may be one, and how it stands in the path of a call.

An id comes from an answer, and later becomes a part of a path. `../../admin` would lead the call, with our key, to
another place. So an answer with such an id is not believed, and a stored one is not sent.
"""

import re
from typing import Any
from urllib.parse import quote

from billing.errors import BadAnswer


class Ids:
    """The ids of one provider, by a pattern that each of them fulfils as a whole."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern, re.ASCII)

    def read(self, fields: dict[str, Any], name: str = "id") -> str:
        """A required id. Raises BadAnswer."""
        return self._checked(fields.get(name), name)

    def path(self, template: str, *ids: str) -> str:
        """The path with an id in the place of each `{}`. Raises BadAnswer for what is no id."""
        return template.format(*(quote(self._checked(each, "id"), safe="") for each in ids))

    def _checked(self, value: object, name: str) -> str:
        if not isinstance(value, str) or not self._pattern.fullmatch(value):
            raise BadAnswer(f"the field {name!r} is no id of this provider")
        return value
