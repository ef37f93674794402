"""A pytest plugin: the database is emptied after a test, and that is all.

Django then writes its content types and permissions anew, which takes as long as the test itself; only pages for staff
need them.
"""

from django.core.management.commands import flush


def pytest_configure() -> None:
    """In this process, for good."""
    flush.emit_post_migrate_signal = lambda *_: None  # type: ignore[attr-defined]
