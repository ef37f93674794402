"""Every URL pattern of the shop, with the names and kinds of what its path takes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Target:
    """A pattern like `/orders/{public_id}/pay/`."""

    template: str
    kinds: tuple[tuple[str, str], ...]
    """The names in the path, with the class of each converter."""

    @property
    def names(self) -> list[str]:
        return PLACEHOLDER.findall(self.template)

    def path(self, values: dict[str, str]) -> str:
        return PLACEHOLDER.sub(lambda found: values[found[1]], self.template)


def targets() -> list[Target]:
    """All patterns, each once."""
    found = (Target(template, kinds) for template, kinds in _walk(get_resolver(), "/", ()))
    return list(dict.fromkeys(found))


def _walk(resolver: Any, above: str, kinds: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, Any]]:
    for each in resolver.url_patterns:
        own = tuple((name, type(converter).__name__) for name, converter in each.pattern.converters.items())
        template = above + _template(str(each.pattern))
        if isinstance(each, URLResolver):
            yield from _walk(each, template, kinds + own)
        elif isinstance(each, URLPattern):
            yield template, kinds + own


def _template(pattern: str) -> str:
    """`orders/<order:public_id>/` as `orders/{public_id}/`; of a regular expression the named groups."""
    plain = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", pattern).strip("^$") if "(?P<" in pattern else pattern
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", plain)
