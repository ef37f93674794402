#!/usr/bin/env python
"""Django's command line."""

import os
import select
import sys

from config.env import WrongSetting

NO_ANSWER = 2
"""As config/cli/command.py has it, which cannot be imported before the settings are right."""


def main() -> None:
    """Run the command that stands on the line; a wrong setting is no answer, and nor is one that nobody reads on."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["rundramatiq"]:
        from config.metrics import files

        files.begin()  # the processes of a worker count together, which must be known before any import
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except WrongSetting as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(NO_ANSWER)
    except BrokenPipeError:
        if not reader_has_gone():
            raise
        sys.exit(NO_ANSWER)


def reader_has_gone() -> bool:
    """Has whoever reads the output had enough, like `| head`? Then the rest goes nowhere, and no one is told of it."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)  # errors are told unasked
    gone = bool(output.poll(0))
    if gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return gone


if __name__ == "__main__":
    main()
