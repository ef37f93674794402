"""Sentences that rows keep in English, like the log, and that pages show in the reader's language."""

import re
from collections.abc import Callable

from django.utils.translation import gettext

_KNOWN: list[tuple[str, re.Pattern[str]]] = []
"""The longest first: a short one with open parts may match a longer one too."""

VALUES: list[Callable[[str], str | None]] = []
"""Readers of other texts, like amounts: each returns the text as the reader's language writes it, or None."""


def stored(sentence: str) -> str:
    """Declare a sentence with named parts, and return it: `stored(gettext_noop("since %(day)s")) % {"day": day}`.

    The first parts are short, like a name; the last one may be a sentence with the same signs in it.
    """
    parts = re.split(r"%\((\w+)\)s", sentence)
    pattern = "".join(f"(?P<{part}>.*?)" if number % 2 else re.escape(part) for number, part in enumerate(parts))
    _KNOWN.append((sentence, re.compile(pattern, re.DOTALL)))
    _KNOWN.sort(key=lambda known: -len(known[0]))
    return sentence


def shown(text: str) -> str:
    """A stored sentence or one of VALUES, and those in its parts, in the reader's language; other texts as they are."""
    for sentence, pattern in _KNOWN:
        if found := pattern.fullmatch(text):
            return gettext(sentence) % {name: shown(part) for name, part in found.groupdict().items()}
    return next((written for read in VALUES if (written := read(text)) is not None), text)
