"""Output to a terminal or a file whose encoding cannot show every character."""

import codecs
import io

READABLE = "tillkeeper_readable"

INSTEAD = {
    "–": "-", "—": "-", "−": "-", "‑": "-", "─": "-", "│": "|", "→": "->", "←": "<-", "…": "...", "·": "-",
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "×": "x", "€": "EUR",
    "\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ",
}  # fmt: skip
"""What people write where a character is missing. Others are escaped, so that no text is lost."""


def write_readably(*streams: object) -> None:
    """From now on a character that a stream cannot show is replaced, and never an error."""
    codecs.register_error(READABLE, _replaced)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):  # none if the process started without the descriptor
            stream.reconfigure(errors=READABLE)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(INSTEAD.get(each) or each.encode("ascii", "backslashreplace").decode() for each in found), error.end
