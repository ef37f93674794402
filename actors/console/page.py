"""What a page of the console is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise

Facts = Callable[..., Any]
"""Arguments: the query of the URL, and the name in its path. Returns None if there is no such page."""


@dataclass(frozen=True)
class Page:
    """One page. The template `console/parts/<name>.html` is its part that refreshes."""

    name: str
    title: Promise
    path: str
    facts: Facts
    needs: tuple[str, ...] = ()
    """Permissions besides the one to read the console."""

    tab: str = ""
    """The page that it belongs to; empty if it has its own tab."""

    top: str = ""
    """The template of a part above that does not refresh, like a search form."""

    @property
    def part(self) -> str:
        return f"console/parts/{self.name}.html"
