"""The address of RabbitMQ, read by pika itself: what pika cannot read stops the start, not each later command."""

import ssl
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from pika import URLParameters

from config.hosts import host_and_port

UNREADABLE = (TypeError, ValueError, SyntaxError, OSError)
"""What pika raises for an address that it cannot read."""

BUILT_IN_USER = "guest"
"""RabbitMQ's own user, whose password is public. pika takes it for an address without a user."""


def read(
    url: str, ca_file: str = "", *, defaults: Mapping[str, str] | None = None, limits: Mapping[str, str] | None = None
) -> URLParameters:
    """Return what pika makes of the address. Raises one of UNREADABLE.

    `ca_file`: certificates of the authorities that may sign the server's; empty: those that this machine trusts.
    `defaults` are parameters unless the address has them, `limits` in any case.
    """
    parts = urlsplit(url)
    if parts.username and parts.password is None:
        raise ValueError("a user needs a password")
    tls = {"ssl_options": repr({"cafile": ca_file})} if ca_file else {}
    # A name given twice stays so: pika refuses it.
    given = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in (limits or {})
    ]
    missing = {**(defaults or {}), **tls}
    for name, _ in given:
        missing.pop(name, None)
    query = urlencode([*missing.items(), *given, *(limits or {}).items()])
    return URLParameters(urlunsplit(parts._replace(query=query)))


def ours(*, defaults: Mapping[str, str] | None = None, limits: Mapping[str, str] | None = None) -> URLParameters:
    """Return the same for the address of the settings, which the start has checked."""
    return read(settings.BROKER_URL, settings.BROKER_CA_FILE, defaults=defaults, limits=limits)


def where() -> str:
    """The host and the port of the settings, for a sentence."""
    address = ours()
    return host_and_port(address.host, address.port)


def is_verified(address: URLParameters) -> bool:
    """Say whether the connection is encrypted and the server proves its name."""
    context = address.ssl_options and address.ssl_options.context
    return bool(context and context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname)
