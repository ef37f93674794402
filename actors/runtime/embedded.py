"""The embedded mode: threads of one process, started and stopped in order, and the first operator of its shop."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import dramatiq
import waitress
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.db.models import EmailField

from actors.scheduling import scheduler
from billing.sandbox import SandboxServer
from config.cli.command import NoAnswer
from config.env.files import kept_secret
from config.hosts import CannotListen, listen

WORKER_THREADS = 8
WEB_THREADS = 8

STOP_WITHIN_MS = 3_500
"""A check at a provider takes up to PAYMENT_API_TIMEOUT_S. Slower work comes due again after the restart."""

OPERATOR = "operator"

PASSWORD_BYTES = 9
"""Random bytes: twelve letters, short enough to type."""


@contextmanager
def everything() -> Iterator[None]:
    """Provider, web, workers and scheduler, in the order of their needs.

    Raises NoAnswer for an address that no server can have.
    """
    with ExitStack() as parts:
        for setting, part in (("SANDBOX_URL", sandbox), ("SHOP_URL", web)):
            try:
                parts.enter_context(part())
            except CannotListen as error:
                raise NoAnswer(f"{error}. Set another {setting}.") from error
        parts.enter_context(workers())
        parts.enter_context(scheduler.in_background())
        yield


def sandbox() -> SandboxServer:
    """The sandbox provider, at the address of the account `sandbox`. It keeps its own books."""
    options = settings.PAYMENT_ACCOUNTS["sandbox"]
    address = urlsplit(options["url"])
    return SandboxServer(
        host=address.hostname or "127.0.0.1",
        port=address.port or 80,
        database=settings.VAR_DIR / "sandbox.sqlite3",
        api_key=options["api_key"],
        callback_secret=options["callback_secret"],
    )


@contextmanager
def web() -> Iterator[None]:
    """The shop, at the host and port of SHOP_URL."""
    address = urlsplit(settings.SHOP_URL)
    listener = listen(address.hostname or "", address.port or 80)
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
    return get_wsgi_application() if serves_itself else StaticFilesHandler(get_wsgi_application())


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
    password."""
    password = kept_secret(settings.VAR_DIR / "operator-password", PASSWORD_BYTES)
    users = get_user_model()
    name_field = users._meta.get_field(users.USERNAME_FIELD)
    name = f"{OPERATOR}@localhost" if isinstance(name_field, EmailField) else OPERATOR
    user, _ = users._default_manager.get_or_create(
        **{users.USERNAME_FIELD: name}, defaults={"is_staff": True, "is_superuser": True}
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    return f"{name} / {password}"
