"""Output to a terminal or a file that cannot show every character, or whose reader hangs."""

import codecs
import io
import os
import stat
import sys

READABLE = "tillkeeper_readable"
STDERR = 2

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


def never_wait_for_stderr() -> None:
    """From now on what the reader of standard error does not take is dropped, in this process and in its children.

    Only the log waits, in a thread of its own. Others that write there (gunicorn, Dramatiq) would stand still. Standard
    error is opened anew where it can be, so that a shell or another process that shares it notices nothing.
    """
    if not isinstance(sys.stderr, io.TextIOWrapper):
        return
    # Without a buffer a line that does not fit is dropped; with one, each later write and the end of Python fail.
    os.environ["PYTHONUNBUFFERED"] = "1"  # for a program that replaces this one (Dramatiq)
    encoding, errors = sys.stderr.encoding, sys.stderr.errors
    unbuffered = io.FileIO(STDERR, "w", closefd=False)
    sys.stderr = io.TextIOWrapper(unbuffered, encoding, errors, write_through=True)
    if stat.S_ISREG(os.fstat(STDERR).st_mode):
        return
    try:
        anew = os.open(f"/dev/fd/{STDERR}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:  # a socket (journald), or the pipe of another user (supervisord)
        if not os.isatty(STDERR):  # which a shell shares
            os.set_blocking(STDERR, False)
    else:
        os.dup2(anew, STDERR)
        os.close(anew)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(INSTEAD.get(each) or each.encode("ascii", "backslashreplace").decode() for each in found), error.end
