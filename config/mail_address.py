"""Mail addresses as they are written to the wire: the domain in ASCII, by IDNA 2008 (RFC 5891).

Python's codec and Django follow IDNA 2003. It reads `ß` as `ss`, `ς` as `σ`, and drops joiners: the mail would go to
another domain, which somebody else may own.
"""

import re
import unicodedata
from ipaddress import ip_address

import idna

_DOMAIN = re.compile(r"(?<=@)[^@>\s]+(?=>?\Z)")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
MAX_HOST_CHARS = 253


class NotADomain(ValueError):
    """IDNA 2008 does not know such a name: no mail server can have it."""


def in_ascii(address: str) -> str:
    """An address, or one in angle brackets behind a name, with its domain in ASCII. Raises NotADomain.

    A domain that is ASCII already stays letter for letter.

    >>> in_ascii("Ann <ann@Straße.example>")
    'Ann <ann@xn--strae-oqa.example>'
    """
    return _DOMAIN.sub(lambda found: _domain_in_ascii(found[0]), address)


def host_in_ascii(host: str) -> str:
    """A host name in ASCII, or an IP address without brackets, as sockets take it. Raises NotADomain.

    >>> host_in_ascii("smtp.Straße.example"), host_in_ascii("[::1]")
    ('smtp.xn--strae-oqa.example', '::1')
    """
    try:
        return str(ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        name = _domain_in_ascii(host)
    if len(name) > MAX_HOST_CHARS or not all(map(_LABEL.fullmatch, name.removesuffix(".").split("."))):
        raise NotADomain(f"{host!r} is not a host name")
    return name


def is_control(character: str) -> bool:
    """True for Unicode's control characters, line and paragraph separators, and surrogates."""
    return unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"}


def _domain_in_ascii(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode("ascii")  # UTS 46 folds capital and wide letters, as browsers do
    except idna.IDNAError as error:
        raise NotADomain(f"{domain!r} is not a domain name: {error}") from None
