"""How long the page waits for the database: never longer than Prometheus waits for the page.

PostgreSQL ends a statement that takes long by itself. A server that is frozen ends nothing, and its host's kernel goes
on confirming what we send, so no timeout of TCP helps either. What is waited for too long is hung up on from here.
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
"""So long PostgreSQL may work on a statement of a reader."""

HANG_UP_S = 2.0
"""After it, and after each such time again, the connection is cut. No reader begins later than that."""

CONNECT_S = 2
"""So long connecting may take, the least that libpq knows. With HANG_UP_S before it, the page comes within 5 s."""


@contextmanager
def short_patience() -> Iterator[None]:
    """What the block waits for from PostgreSQL ends, if need be in a `django.db.Error`.

    SQLite cannot hang, and in a transaction the connection is not ours to cut: there it does nothing.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield
    else:
        with _quick_to_connect(connections[DEFAULT_DB_ALIAS]) as watched, _watchdog(watched):
            yield


@contextmanager
def one_reader() -> Iterator[None]:
    """A transaction, so that one that fails spoils no other. PostgreSQL ends its statements early, and compiles none:
    that takes longer than they do.
    """
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
    """Nothing is cut any more once the block has ended."""
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
    """Whoever waits for an answer on this line learns that it has ended. It may not be open yet, or no longer."""
    if line is not None:
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(line.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
