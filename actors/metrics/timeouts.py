"""Timeouts for the metrics page: it answers before Prometheus gives up.

PostgreSQL ends a slow statement by itself. A frozen server ends nothing, and its kernel still confirms our packets, so
TCP timeouts do not help either. A watchdog thread therefore cuts the connection.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

STATEMENT_MS = 1_500
"""PostgreSQL's timeout for a statement of a reader."""

HANG_UP_S = 2.0
"""After this time, and after each further one, the connection is cut. No reader starts later."""

CONNECT_S = 2
"""Timeout for connecting, the least that libpq knows. With HANG_UP_S before it, the page comes within 5 s."""


@contextmanager
def limited_waits() -> Iterator[None]:
    """Limit the block's waits for PostgreSQL. An exceeded limit raises a `django.db.Error`.

    It does nothing for SQLite, which cannot hang, and inside a transaction, whose connection is not ours to cut.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield
    else:
        with _quick_to_connect(connections[DEFAULT_DB_ALIAS]) as watched, _watchdog(watched):
            yield


@contextmanager
def one_reader() -> Iterator[None]:
    """A transaction, so that a failing reader does not spoil the others. PostgreSQL gets a short timeout and does not
    compile the statements: compiling takes longer than they do."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                limits = "SELECT set_config('statement_timeout', %s, true), set_config('jit', 'off', true)"
                cursor.execute(limits, [str(STATEMENT_MS)])
        yield


@contextmanager
def _quick_to_connect(ours: BaseDatabaseWrapper) -> Iterator[BaseDatabaseWrapper]:
    """The settings belong to all threads, this object only to ours."""
    before = ours.settings_dict
    ours.settings_dict = before | {"OPTIONS": before["OPTIONS"] | {"connect_timeout": CONNECT_S}}
    try:
        yield ours
    finally:
        ours.settings_dict = before


@contextmanager
def _watchdog(watched: BaseDatabaseWrapper) -> Iterator[None]:
    """Cut nothing after the end of the block."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(HANG_UP_S):
            _hang_up(watched.connection)

    thread = threading.Thread(target=watch, name="metrics-watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _hang_up(line: "psycopg.Connection[object] | None") -> None:
    """The waiting thread sees the end of its connection. The connection may not be open yet, or closed already."""
    if line is not None:
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(line.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
