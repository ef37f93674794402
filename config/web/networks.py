"""The network of a visitor as a keyed hash: limits per network need no address in a row."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from config.web.proxies import sender

IPV6_SITE_BITS = 64
"""The smallest network that one customer of a provider gets (RFC 6177); its owner has all addresses in it."""


def sender_of(request: HttpRequest) -> str:
    """The address that sent the request, as far as TRUSTED_PROXIES vouch for it; empty if it is not known."""
    forwarded_for = request.headers.get("X-Forwarded-For", "")
    return sender(request.META.get("REMOTE_ADDR", ""), forwarded_for, settings.TRUSTED_PROXIES)


def network_key(request: HttpRequest) -> str:
    """The hash of the sender's IPv4 address or IPv6 /64; a change of SECRET_KEY changes it.

    Empty for loopback and private addresses: behind a proxy that TRUSTED_PROXIES does not name, all customers have the
    same one.
    """
    network = _network(sender_of(request))
    return salted_hmac("config.web.networks", network, algorithm="sha256").hexdigest()[:32] if network else ""


def _network(address: str) -> str:
    """The network as text; empty if the address is not of the public Internet.

    >>> _network("93.184.216.34"), _network("2606:2800:220:1::7"), _network("10.0.0.7")
    ('93.184.216.34', '2606:2800:220:1::/64', '')
    """
    if not address or not ip_address(address).is_global:
        return ""
    is_ipv6 = isinstance(ip_address(address), IPv6Address)
    return str(ip_network(f"{address}/{IPV6_SITE_BITS}", strict=False)) if is_ipv6 else address
