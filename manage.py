#!/usr/bin/env python
"""Django's command line."""

from config.cli.main import main

if __name__ == "__main__":
    main()
