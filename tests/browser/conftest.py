"""What the tests of this folder share: one browser, and a shop for each file."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import browsing
from tests.embedded import Embedded
from tests.stack.mail import MailServer
from tests.stack.ports import HANG_S

expect.set_options(timeout=120_000)  # a busy machine is slow; the default is five seconds


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Without a window. For one file: its event loop, while it runs, lets no test use the database."""
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    """Where the shop's mails arrive."""
    with MailServer() as server:
        yield server


@pytest.fixture(scope="module")
def shop(prepared: Path, mail: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """The embedded shop, running."""
    embedded = Embedded(shutil.copytree(prepared, tmp_path_factory.mktemp("shop") / "var"), mail.port)
    embedded.start()
    embedded.program.wait_for_output("Operator", HANG_S)  # pages are served before the operator may log in
    yield embedded
    embedded.program.kill()
