"""Hosts and ports, IPv4 and IPv6: how they are written, and how a server takes one.

`urlsplit(url).hostname` is an IPv6 address without its brackets. URLs, Host headers and people need them.
"""

import errno
import os
import socket
from contextlib import suppress
from http.server import ThreadingHTTPServer
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from urllib.parse import urlsplit

_WRONG_HOST = {
    errno.EADDRNOTAVAIL: "this machine does not have the address",
    errno.EAFNOSUPPORT: "this machine has no IPv6",
    errno.EINVAL: "a link-local address needs its network card, as in fe80::1%eth0",
}
_WRONG_PORT = {errno.EACCES: "this user may not take so low a port"}

_PROC = Path("/proc")
_LISTENS = "0A"
"""TCP_LISTEN in the tables of the kernel."""


class CannotListen(OSError):
    """A server cannot have this address. The message has the address and the reason.

    `wrong_host`: another host would help; otherwise another port would.
    """

    def __init__(self, host: str, port: int, reason: str, *, wrong_host: bool = False) -> None:
        super().__init__(f"{host_and_port(host, port)} cannot be used: {reason}")
        self.wrong_host = wrong_host


def is_address(host: str) -> bool:
    """Say whether a host, with brackets or without, is an IP address and not a name."""
    try:
        return bool(ip_address(host.strip("[]")))
    except ValueError:
        return False


def is_this_host(host: str) -> bool:
    """Say whether a connection to the host stays on this machine: loopback, a socket's path, or no host at all.

    A name other than `localhost` may lead elsewhere tomorrow.
    """
    if is_address(host):
        return ip_address(host.strip("[]")).is_loopback
    return host in ("", "localhost") or host.startswith(("/", "@"))


def is_private(url: str) -> bool:
    """Say whether no other machine can read what HTTP sends to the address: it is encrypted, or stays on this host."""
    return url.lower().startswith("https:") or is_this_host(urlsplit(url).hostname or "")


def in_brackets(host: str) -> str:
    """An IPv6 address as URLs and Host headers spell it; any other host unchanged.

    >>> in_brackets("0:0:0:0:0:0:0:1"), in_brackets("[::1]"), in_brackets("shop.example")
    ('[::1]', '[::1]', 'shop.example')
    """
    try:
        return f"[{IPv6Address(host.strip('[]'))}]"
    except ValueError:
        return host


def host_of(url: str) -> str:
    """The host of a URL as Host headers and ALLOWED_HOSTS spell it; empty if it has none."""
    return in_brackets(urlsplit(url).hostname or "")


def can_be_public(url: str) -> bool:
    """Say whether other machines of the Internet may reach the address: not loopback, nor a private network."""
    host = urlsplit(url).hostname or ""
    return ip_address(host.partition("%")[0]).is_global if is_address(host) else "." in host


def host_and_port(host: str, port: int | str) -> str:
    """Both as one word: `127.0.0.1:5672`, `[::1]:5672`."""
    return f"{in_brackets(host)}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 takes a free one. Raises CannotListen.

    A name with addresses of both families gets its IPv4 address. `::` takes IPv4 too where the kernel permits.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise CannotListen(host, port, "the name does not resolve here", wrong_host=True) from None
    family, *_, (address, _port, *scope) = min(found, key=lambda each: each[0])
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((address, port, *scope), family=family, dualstack_ipv6=both)
    except OSError as error:
        code = error.errno or 0
        taken = f"{_program_at(port)} listens there" if code == errno.EADDRINUSE else ""
        reason = taken or _WRONG_HOST.get(code) or _WRONG_PORT.get(code) or error.strerror or "it is refused"
        raise CannotListen(host, port, reason, wrong_host=code in _WRONG_HOST) from error


def _program_at(port: int) -> str:
    """Name the process that listens at the port, as far as this user may see it (Linux has `/proc`)."""
    names = {f"socket:[{inode}]" for inode in _listening_sockets(port)}
    for descriptors in _PROC.glob("[0-9]*/fd"):
        with suppress(OSError):  # another user's, or it has ended
            if any(os.readlink(each) in names for each in descriptors.iterdir()):
                return f"process {descriptors.parent.name} ({(descriptors.parent / 'comm').read_text().strip()})"
    return f"another program (`sudo ss -ltnp`, or `sudo lsof -nP -i :{port}`, names it)"


def _listening_sockets(port: int) -> set[str]:
    """The inodes of the sockets that listen at the port, on any address."""
    found = set()
    for table in ("net/tcp", "net/tcp6"):
        with suppress(OSError):
            for line in (_PROC / table).read_text().splitlines()[1:]:
                _, local, _, state, *_, inode = line.split()[:10]
                if state == _LISTENS and int(local.rpartition(":")[2], 16) == port:
                    found.add(inode)
    return found


class HttpServer(ThreadingHTTPServer):
    """Takes its address by `listen`. Python's own takes IPv4 only, and asks DNS for this machine's name, which may take
    seconds."""

    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.close()
        host, port = self.server_address[:2]
        self.socket = listen(str(host), port)
        self.server_port = self.socket.getsockname()[1]
