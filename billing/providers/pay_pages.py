"""Addresses of payment pages: a customer is sent only to the provider's own. What a provider says is not believed."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

LONGEST = 500
"""Characters that `Payment.pay_url` can hold."""


def is_pay_page(url: str, hosts: Sequence[str]) -> bool:
    """Is the address one of these hosts, by https? A host that begins with a dot stands for all below it.

    Only a provider on this machine, the sandbox, may have http. A backslash or a space is read differently by browsers
    than by us.

    >>> [is_pay_page(url, ["pay.example"]) for url in ("https://pay.example/1", "https://pay.example@evil.example")]
    [True, False]
    """
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or any(mark in url for mark in "\\ @"):
        return False
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        parts.port  # noqa: B018 (raises ValueError for nonsense)
    except ValueError:
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))
    return is_safe and any(host == each or (each.startswith(".") and host.endswith(each)) for each in hosts)


def _is_here(host: str) -> bool:
    """Loopback; names below `localhost` never leave the machine (RFC 6761, 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
