"""Production reaches other hosts by TLS with a verified certificate: OWASP ASVS 5.0.0, 12.3.1 to 12.3.4."""

import os
from collections.abc import Mapping
from typing import Any

from config import env
from config.env.broker import BROKER_CA_FILE, BROKER_URL
from config.env.monitoring import BROKER_METRICS_URL, SENTRY_DSN
from config.env.shop import EMAIL_HOST, EMAIL_USE_SSL, EMAIL_USE_TLS
from config.env.transport import insist_on_tls
from config.hosts import is_private, is_this_host
from config.messaging.address import BUILT_IN_USER, is_verified, read


def insist(databases: Mapping[str, Mapping[str, Any] | None]) -> None:
    """Stop the start where a part on another host can be read on the way. Databases come by their settings' names."""
    for name, database in databases.items():
        if database and not _is_near(database) and not _proves_its_name(database["OPTIONS"]):
            insist_on_tls("database", name, "***", "write ?sslmode=verify-full (with sslrootcert=…, see libpq)")
    _insist_for_the_broker()
    if not (is_this_host(EMAIL_HOST) or EMAIL_USE_TLS or EMAIL_USE_SSL):
        insist_on_tls("mail", "EMAIL_USE_TLS", "no", "write yes, or EMAIL_USE_SSL=yes for port 465")
    for setting, url in {"BROKER_METRICS_URL": BROKER_METRICS_URL, "SENTRY_DSN": SENTRY_DSN}.items():
        if not is_private(url):
            insist_on_tls("monitoring", setting, "***", "write an address like https://host")


def _insist_for_the_broker() -> None:
    address = read(BROKER_URL, BROKER_CA_FILE)
    if address.credentials.username == BUILT_IN_USER:
        env.refuse("BROKER_URL", "***", "in production write a user of the shop's own; everyone knows guest's password")
    if not is_this_host(address.host) and not is_verified(address):
        insist_on_tls(
            "broker", "BROKER_URL", "***", "write amqps://user:password@host/vhost, with a verified certificate"
        )


def _is_near(database: Mapping[str, Any]) -> bool:
    """libpq may find the host in its variable; a service's file is not read here."""
    options = database["OPTIONS"]
    hosts = options.get("hostaddr") or database["HOST"] or os.environ.get("PGHOST", "")
    return "service" not in options and all(map(is_this_host, str(hosts).split(",")))


def _proves_its_name(options: Mapping[str, Any]) -> bool:
    """`require` asks for no certificate, and `verify-ca` takes that of any host (libpq, 34.19.1)."""
    mode = options.get("sslmode") or os.environ.get("PGSSLMODE")
    return mode == "verify-full" or options.get("gssencmode") == "require"
