"""The embedded mode: threads of one process, started and stopped in order, and the first operator of its shop."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import dramatiq
import waitress
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from django.db.models import EmailField

from actors.scheduling import scheduler
from billing.providers.options import prefix_of
from billing.sandbox import SandboxServer
from config.cli.command import NoAnswer
from config.env.files import kept_secret
from config.hosts import CannotListen, host_and_port, listen
from config.web.handler import application

WORKER_THREADS = 8
WEB_THREADS = 8

STOP_WITHIN_MS = 3_500
"""A check at a provider takes up to PAYMENT_API_TIMEOUT_S. Slower work comes due again after the restart."""

OPERATOR = "operator"

FIRST_PORT, LAST_PORT = 8000, 65_535
"""The bounds of the ports that we advise."""

PASSWORD_BYTES = 9
"""Random bytes: twelve letters, short enough to type."""


@contextmanager
def addresses() -> Iterator[socket.socket]:
    """Take every address that the shop needs: the sandbox providers start, and the shop's socket waits for `work_at`.

    A browser that comes meanwhile waits too. Raises NoAnswer for an address that cannot be had.
    """
    with ExitStack() as parts:
        for account, address in sandboxes().items():
            with another_if_taken(f"{prefix_of(account)}_URL", address):
                parts.enter_context(sandbox(account))
        shop = urlsplit(settings.SHOP_URL)
        with another_if_taken("SHOP_URL", settings.SHOP_URL):
            listener = parts.enter_context(listen(shop.hostname or "", shop.port or 80))
        yield listener


@contextmanager
def another_if_taken(setting: str, url: str) -> Iterator[None]:
    """Say how to choose another address where a server cannot have this one."""
    try:
        yield
    except CannotListen as error:
        example = "" if error.wrong_host else f" For example: {setting}={free_neighbour(url)}"
        raise NoAnswer(f"{error}. Set another {setting}.{example}") from error


def free_neighbour(url: str) -> str:
    """The same address with another port that no program has: the next one, as a person would choose."""
    address = urlsplit(url)
    host, port = address.hostname or "", address.port or 80
    free = (each for each in range(max(port + 1, FIRST_PORT), LAST_PORT) if _is_free(host, each))
    return f"{address.scheme}://{host_and_port(host, next(free, FIRST_PORT))}"


def _is_free(host: str, port: int) -> bool:
    try:
        listen(host, port).close()
    except CannotListen:
        return False
    return True


def sandboxes() -> dict[str, str]:
    """The addresses of the sandbox providers, by account. Each has its own books, so each needs its own address.

    Raises NoAnswer if two accounts have one.
    """
    urls: dict[str, str] = {}
    for account, options in settings.PAYMENT_ACCOUNTS.items():
        if options["provider"] != "sandbox":
            continue
        if other := next((name for name, url in urls.items() if url == options["url"]), None):
            setting, address = f"{prefix_of(account)}_URL", options["url"]
            raise NoAnswer(
                f"The accounts {other} and {account} are both at {address}. Set another address for one of them, like "
                f"{setting}={free_neighbour(address)}."
            )
        urls[account] = options["url"]
    return urls


@contextmanager
def work_at(listener: socket.socket) -> Iterator[None]:
    """Web, workers and scheduler, in the order of their needs."""
    with web(listener), workers(), scheduler.in_background():
        yield


def sandbox(account: str) -> SandboxServer:
    """The sandbox provider at the account's address. It keeps its own books."""
    options = settings.PAYMENT_ACCOUNTS[account]
    address = urlsplit(options["url"])
    return SandboxServer(
        host=address.hostname or "127.0.0.1",
        port=address.port or 80,
        database=settings.VAR_DIR / ("sandbox.sqlite3" if account == "sandbox" else f"sandbox-{account}.sqlite3"),
        api_key=options["api_key"],
        callback_secret=options["callback_secret"],
    )


@contextmanager
def web(listener: socket.socket) -> Iterator[None]:
    """The shop, at this socket."""
    server = waitress.create_server(_application(), sockets=[listener], threads=WEB_THREADS, ident=None)
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.close()
        thread.join(1)


def _application() -> WSGIHandler:
    """Django, and the static files in a project that leaves them to `runserver` and a proxy."""
    serves_itself = any(name.startswith("whitenoise.") for name in settings.MIDDLEWARE)
    return application() if serves_itself else StaticFilesHandler(application())


@contextmanager
def workers() -> Iterator[None]:
    """Dramatiq's worker threads. The boot signal starts the timers of TimeLimit."""
    broker = dramatiq.get_broker()
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_threads=WORKER_THREADS, worker_timeout=100)
    worker.start()
    try:
        yield
    finally:
        worker.stop(timeout=STOP_WITHIN_MS)


def operator_login() -> str:
    """Create the first operator, with a random password in a file that only its owner can read. Returns name and
    password, or the way to a new one where a person has changed it."""
    password = kept_secret(settings.VAR_DIR / "operator-password", PASSWORD_BYTES)
    users = get_user_model()
    name_field = users._meta.get_field(users.USERNAME_FIELD)
    name = f"{OPERATOR}@localhost" if isinstance(name_field, EmailField) else OPERATOR
    user = users._default_manager.filter(**{users.USERNAME_FIELD: name}).first()
    if user is None:
        user = users(**{users.USERNAME_FIELD: name}, is_staff=True, is_superuser=True)
        user.set_password(password)
        user.save()
    ours = check_password(password, user.password)  # the user's own method would write a new hash
    return f"{name} / {password if ours else f'your own password; forgotten: manage.py changepassword {name}'}"
