"""Typed readers for settings that come from the environment.

An invalid value stops the start with one sentence that names the setting, shows the value and says what to write
instead. A secret may also come from a file: `SECRET_KEY_FILE=/run/secrets/key` stands for `SECRET_KEY`.

Reading a setting declares it. Each reader also takes the texts for a person, and `config.env.reference` makes
deploy/SETTINGS.md from them.

The other modules of this package read the settings, one subject each. `config.settings` imports all of them and adds
what Django needs.
"""

import os
import re
from collections.abc import Callable
from email.utils import parseaddr
from ipaddress import IPv6Network, ip_network
from math import nan
from pathlib import Path
from typing import NoReturn, Unpack
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from config.env.reference import About, declare, only_described
from config.mail_address import NotADomain, host_in_ascii, in_ascii, is_control

YES = {"1", "true", "yes", "on"}
NO = {"0", "false", "no", "off"}

READ_ELSEWHERE = {"sqlite", "postgres", "postgresql"}
"""Schemes of addresses that `config.settings.databases` reads: they may have no host, or several."""


class WrongSetting(SystemExit):
    """A setting is invalid. The message says which, why, and what to write instead.

    It ends the process with this message and without a traceback, wherever settings are read. The status is 1, and 2
    in `manage.py`.
    """


def text(name: str, default: str | None = None, **about: Unpack[About]) -> str:
    """Return the value without surrounding white space."""
    return _read(name, "text", default, about)


def secret(name: str, default: str | Callable[[], str] | None = None, **about: Unpack[About]) -> str:
    """Return a secret text. Its default is never shown; a function as default makes one where none is set."""
    declare(name, "secret", None if default is None else "***" if default else "", about)
    return _value(name, "", about) or default() if callable(default) else _value(name, default, about)


def file_of(name: str) -> str:
    """Return the path of the file that NAME is read from, or nothing; for a secret that is renewed while we run."""
    return os.environ.get(f"{name}_FILE", "").strip()


def choice(name: str, default: str, allowed: tuple[str, ...], **about: Unpack[About]) -> str:
    """Return one of the allowed words."""
    value = _read(name, f"one of {', '.join(f'`{word}`' for word in allowed)}", default, about)
    if value not in allowed:
        refuse(name, value, f"write one of {', '.join(allowed)}")
    return value


def flag(name: str, default: bool, **about: Unpack[About]) -> bool:
    """Return yes or no, read in the usual spellings."""
    value = _read(name, "yes or no", "yes" if default else "no", about).lower()
    if value not in YES | NO:
        refuse(name, value, "write yes or no")
    return value in YES


def integer(name: str, default: int, *, at_least: int = 0, at_most: int | None = None, **about: Unpack[About]) -> int:
    """Return a whole number within its bounds."""
    bounds = _bounds(at_least, at_most)
    value = _read(name, f"whole number {bounds}", str(default), about)
    return int(_number(name, value, at_least, at_most, int, f"a whole number {bounds}"))


def seconds(
    name: str, default: float, *, at_least: float = 0.0, at_most: float | None = None, **about: Unpack[About]
) -> float:
    """Return a time in seconds. Fractions are allowed."""
    bounds = _bounds(at_least, at_most)
    value = _read(name, f"number {bounds}", f"{default:g}", about)
    return _number(name, value, at_least, at_most, float, f"a number of seconds {bounds}")


def words(name: str, default: str = "", **about: Unpack[About]) -> list[str]:
    """Return a list. Commas separate its items."""
    return _words(name, "words", default, about)


def reasons(name: str, allowed: tuple[str, ...], **about: Unpack[About]) -> dict[str, str]:
    """Return the reason for each word that is named, like `database: why; mail: why`. The default is none."""
    value = _read(name, f"reasons for {', '.join(f'`{word}`' for word in allowed)}", "", about)
    pairs = [(word.strip(), reason.strip()) for word, _, reason in (one.partition(":") for one in value.split(";"))]
    found = dict(pairs) if value else {}
    if value and (len(found) < len(pairs) or not found.keys() <= {*allowed} or not all(found.values())):
        refuse(name, value, f"write a reason for each, like `{allowed[0]}: why`; the words are {', '.join(allowed)}")
    return found


def addresses(name: str, **about: Unpack[About]) -> list[str]:
    """Return e-mail addresses without duplicates. Commas separate them; the default is none."""
    found = _words(name, "e-mail addresses", "", about)
    if wrong := next((word for word in found if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", word)), None):
        refuse(name, wrong, "write addresses like ann@example.com, separated by commas")
    for word in found:
        check_domain(name, word)
    return list(dict.fromkeys(found))


def check_domain(name: str, address: str) -> None:
    """Refuse the setting if no mail server can have the domain of this mail address."""
    try:
        in_ascii(address)
    except NotADomain as error:
        refuse(name, address, f"write a domain that exists: {error}")


def check_sender(name: str, value: str) -> None:
    """Refuse what is not one address, alone or as `Name <address>`: no mail could be written."""
    address = parseaddr(value)[1]
    one = re.fullmatch(r"[!#-'*+\-./-9=?A-Z^-~]+@[^@\s<>]+", address) and value.endswith((address, f"{address}>"))
    if not one or any(map(is_control, value)):
        refuse(name, value, "write an address like shop@example.com or Shop <shop@example.com>")
    check_domain(name, value)


def check_login(name: str, value: str) -> None:
    """Refuse a user name or password that has control characters, or bytes that are not UTF-8. Never shows it."""
    if any(map(is_control, value)):
        refuse(name, "***", "write it in UTF-8 and without control characters")


def host(name: str, default: str, **about: Unpack[About]) -> str:
    """Return the name of a host in ASCII, or an IP address, or nothing where the default is empty."""
    value = _read(name, "host name or IP address", default, about)
    try:
        return value and host_in_ascii(value)
    except NotADomain as error:
        refuse(name, value, f"write a host name, or an IP address like 2001:db8::7, and no port ({error})")


def networks(name: str, default: str = "", **about: Unpack[About]) -> list[str]:
    """Return networks like 192.0.2.0/24 or single addresses. Commas separate them."""
    found = _words(name, "networks", default, about)
    for word in found:
        try:
            ip_network(word)
        except ValueError:
            refuse(name, word, "write networks like 192.0.2.0/24 or 2001:db8::/32, separated by commas")
    return [_unmapped(word) for word in found]


def url(name: str, default: str, *, schemes: tuple[str, ...], without: str = "", **about: Unpack[About]) -> str:
    """Return an address with one of the schemes and a host, or nothing where the default is empty.

    `without`: marks that it must not have, because paths or an anchor are added to it. An error message never shows a
    password in it, even where the address cannot be parsed.
    """
    value = _read(name, f"address: {', '.join(f'`{scheme}://`' for scheme in schemes)}", default, about)
    if value and not _is_address(value, schemes):
        brackets = f", or {schemes[0]}://[::1] for IPv6" if "::" in value else ""
        refuse(name, _without_password(value), f"write an address like {schemes[0]}://host{brackets}")
    if wrong := [mark for mark in without if mark in value]:
        refuse(name, _without_password(value), f"write it without {wrong[0]!r}: links begin with it")
    return value.rstrip("/") if value.lower().startswith("http") else value


def file_to_write(name: str, **about: Unpack[About]) -> str:
    """Return the path of a file that can be written, or nothing. The file itself need not exist."""
    value = _read(name, "path of a file", "", about)
    directory = os.path.dirname(value) or "."
    # Not pathlib: it raises PermissionError for a directory that this user cannot enter.
    if value and not os.path.isdir(directory):
        refuse(name, value, f"{directory} is not a directory that this user can see; make it, or write another path")
    if value and (os.path.isdir(value) or not os.access(value if os.path.exists(value) else directory, os.W_OK)):
        refuse(name, value, "this user cannot write it; change its owner, or write another path")
    return value


def time_zone(name: str, default: str, **about: Unpack[About]) -> str:
    """Return a name of the time zone database, like Europe/Berlin."""
    value = _read(name, "time zone", default, about)
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        refuse(name, value, "write a time zone like UTC or Europe/Berlin")
    return value


def refuse(name: str, value: str | None, instead: str) -> NoReturn:
    """Stop the start with a sentence that names the setting and says what to write instead."""
    found = "is not set" if value is None else f"is {value!r}"
    raise WrongSetting(f"The setting {name} {found}: {instead}.")


def _read(name: str, kind: str, default: str | None, about: About) -> str:
    """Declare a setting and return its value, or the default."""
    declare(name, kind, default, about)
    return _value(name, default, about)


def _value(name: str, default: str | None, about: About) -> str:
    value = None if only_described() else _raw(name)
    if value is not None:
        return value
    if default is None and not only_described():
        like = f" like {about['example']}" if about.get("example") else ""
        refuse(name, None, f"it has no default; write a value{like}. {about.get('help', '')}".rstrip(". "))
    return default or ""


def _raw(name: str) -> str | None:
    """Return the value of NAME, or the content of the file in NAME_FILE. Empty counts as not set."""
    value, path = os.environ.get(name, "").strip(), file_of(name)
    if value and path:
        refuse(f"{name}_FILE", path, f"{name} is set too; keep one of them")
    if not path:
        return value or None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"{name}_FILE", path, f"it cannot be read ({error.__class__.__name__}); write the path of a text file")


def _words(name: str, kind: str, default: str, about: About) -> list[str]:
    value = _read(name, f"{kind}, separated by commas", default, about)
    return [word for word in map(str.strip, value.split(",")) if word]


def _bounds(at_least: float, at_most: float | None) -> str:
    return f"from {at_least}" + (f" to {at_most}" if at_most is not None else "")


def _number(
    name: str, value: str, at_least: float, at_most: float | None, kind: Callable[[str], float], noun: str
) -> float:
    try:
        number = kind(value)
    except ValueError:
        number = nan
    # The comparison is spelled so that "nan" fails it.
    if not (at_least <= number <= (at_most if at_most is not None else 1e12)):
        refuse(name, value, f"write {noun}")
    return number


def _unmapped(network: str) -> str:
    """An IPv4 network that is mapped into IPv6, as IPv4: senders are compared as IPv4."""
    found = ip_network(network)
    mapped = isinstance(found, IPv6Network) and found.network_address.ipv4_mapped
    return f"{mapped}/{found.prefixlen - 96}" if mapped and found.prefixlen >= 96 else network


def _is_address(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        if parts.scheme in schemes and parts.scheme in READ_ELSEWHERE:
            return value.startswith(f"{parts.scheme}://")
        host, port = parts.hostname, parts.port  # both raise ValueError for nonsense
    except ValueError:
        return False
    return parts.scheme in schemes and bool(host) and port != 0


def _without_password(value: str) -> str:
    """Hide everything before the last @: a password may be in it, in the wrong place."""
    _, at, rest = value.rpartition("@")
    return f"***@{rest}" if at else value
