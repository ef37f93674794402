#!/usr/bin/env python
"""Django's command line."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["rundramatiq"]:
        from config import metrics_files

        metrics_files.begin()  # the processes of a worker count together, which must be known before any import
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
