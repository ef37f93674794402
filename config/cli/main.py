"""Django's command line: `manage.py` beside the code, `tillkeeper` where the package is installed."""

import os
import select
import sys

from config.cli.terminal import never_wait_for_stderr, write_readably
from config.env import WrongSetting
from config.version import NAME, version

NO_ANSWER = 2
"""The same as in config/cli/command.py, which cannot be imported before the settings are valid."""

RUN_UNTIL_STOPPED = ("rundramatiq", "runscheduler", "runlocal")


def main() -> None:
    """Run the command. A wrong setting ends with NO_ANSWER, and so does output whose reader has gone."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    write_readably(sys.stdout, sys.stderr)
    if sys.argv[1:] in (["version"], ["--version"]):
        print(NAME, version())  # Django would say its own
        return
    if sys.argv[1:2] and sys.argv[1] in RUN_UNTIL_STOPPED:
        never_wait_for_stderr()
    if sys.argv[1:2] == ["rundramatiq"]:
        from config.metrics import files

        files.begin()  # the processes of a worker share their metrics; this must be set before any other import
    from django.core.management import execute_from_command_line

    from config.errors import uncaught

    uncaught.hide_words()

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
    """Has the reader of the output stopped early, like `| head`? Then discard the rest without an error."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)  # flushing reports errors right here
    gone = bool(output.poll(0))
    if gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return gone
