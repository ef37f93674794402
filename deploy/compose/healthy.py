"""Exits with 0 if a URL answers 200. For health checks: the images have Python, not curl."""

import sys
import urllib.error
import urllib.request

try:
    with urllib.request.urlopen(sys.argv[1], timeout=4) as answer:  # noqa: S310 (an address of compose.yml)  # nosec B310
        sys.exit(answer.status != 200)
except (urllib.error.URLError, OSError) as problem:
    sys.exit(f"{sys.argv[1]}: {problem}")
