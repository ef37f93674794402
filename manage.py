#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from config.env import WrongSetting

NO_ANSWER = 2
"""As config/commands.py has it, which cannot be imported before the settings are right."""


def main() -> None:
    """Run the command that stands on the line; a wrong setting is no answer, whatever was asked."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["rundramatiq"]:
        from config import metrics_files

        metrics_files.begin()  # the processes of a worker count together, which must be known before any import
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except WrongSetting as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(NO_ANSWER)


if __name__ == "__main__":
    main()
