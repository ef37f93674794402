"""What the tests of this folder share: one browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests import browsing

expect.set_options(timeout=120_000)  # a busy machine is slow; the default is five seconds


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Without a window. For one file: its event loop, while it runs, lets no test use the database."""
    with browsing.chromium() as browser:
        yield browser
