"""The sender of a request, as far as our own proxies vouch for it.

Every proxy appends the address that connected to it to X-Forwarded-For. Entries further left came with the request and
may be forged. So the header is read from the right, while the writer is one of our proxies.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


def sender(remote: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Return the right-most address that is not our proxy's; empty where our own proxy wrote something else.

    `remote` is the connecting address. It is empty for a Unix socket, which only a proxy on this machine can reach.

    >>> from ipaddress import ip_network
    >>> sender("10.0.0.9", "203.0.113.7, 198.51.100.2, 10.0.0.5", [ip_network("10.0.0.0/8")])
    '198.51.100.2'
    """
    address = _address(remote)
    hops = forwarded_for.split(",") if trusted and forwarded_for else []
    for hop in reversed(hops):
        if address and not any(address in network for network in trusted):
            break
        address = _address(hop)
        if address is None:
            break
    return str(address or "")


def _address(text: str) -> Address | None:
    """Parse an address. Some proxies add a port, as in `192.0.2.1:4711` and `[2001:db8::1]:4711`. IPv4 may come mapped
    into IPv6, and IPv6 with the name of our network card, as in `fe80::1%eth0`.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
