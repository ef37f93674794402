"""The mail server of a run: `python -m tests.chaos.mailbox PORT FILE` notes each mail before it says that it has it."""

import json
import re
import signal
import sys
import time
from pathlib import Path
from threading import Event

from tests.stack.mail import Mail, MailServer

ORDER = re.compile(r"/orders/([\w-]{22})")
"""The link to the order, in every mail about one."""


class Mailbox(MailServer):
    """Writes a line for each mail that it takes."""

    def __init__(self, port: int, file: Path) -> None:
        super().__init__()
        self.port = port
        self._file = file.open("a", encoding="utf-8")

    def _take(self, mail: Mail) -> None:
        self._file.write(json.dumps(line_about(mail, time.time())) + "\n")
        self._file.flush()


def line_about(mail: Mail, at: float) -> dict[str, object]:
    """What the notes say of a mail."""
    text = mail.message.get_body(("plain", "html"))
    order = ORDER.search(text.get_content()) if text else None
    return {
        "at": at,
        "recipients": list(mail.recipients),
        "message_id": str(mail.message["Message-ID"]),
        "subject": str(mail.message["Subject"]),
        "order": order[1] if order else "",
    }


def main(port: str, file: str) -> None:
    """Serve until SIGTERM."""
    over = Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with Mailbox(int(port), Path(file)):
        over.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
