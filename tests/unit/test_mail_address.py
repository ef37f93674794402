"""Mail addresses on the wire: a domain is never another one than the customer wrote."""

import doctest

import pytest

from config import mail_address
from config.mail_address import NotADomain, host_in_ascii, in_ascii


@pytest.mark.parametrize(
    ("domain", "wire"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.com", "EXAMPLE.com"),
        ("xn--strae-oqa.example", "xn--strae-oqa.example"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("localhost", "localhost"),
        ("kaffeerösterei.example", "xn--kaffeersterei-omb.example"),
        ("KAFFEERÖSTEREI.example", "xn--kaffeersterei-omb.example"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        # IDNA 2003 reads these as strasse.example, as βολοσ.gr, and without the joiner.
        ("straße.example", "xn--strae-oqa.example"),
        ("βόλος.gr", "xn--nxasmm1c.gr"),
        ("क्\u200dष.example", "xn--11b2ezcw70k.example"),
    ],
)
def test_a_domain_is_written_by_idna_2008(domain: str, wire: str) -> None:
    """Also behind a name, and with the local part as it is."""
    assert in_ascii(f"Ann.B@{domain}") == f"Ann.B@{wire}"
    assert in_ascii(f"Straße <ann@{domain}>") == f"Straße <ann@{wire}>"


@pytest.mark.parametrize(
    "domain", ["☕.example", "ex\u200dample.com", "ex\u200cample.com", "-ü.de", "ü" * 70 + ".de", "ü..de"]
)
def test_what_is_no_domain_is_refused(domain: str) -> None:
    """Never guessed at: IDNA 2003 would write to some of them."""
    with pytest.raises(NotADomain, match="is not a domain name"):
        in_ascii(f"ann@{domain}")


@pytest.mark.parametrize(
    "host",
    [
        *("", ".", "smtp..example.com", "-smtp.example.com", "smtp-.example.com", "smtp example.com", "smtp\r\nQUIT"),
        *(
            "a" * 64,
            "a." * 127 + "a",
            "smtp.☕.example",
            "ü..de",
            "shop@example.com",
            "::g",
            "smtp.example.com:25",
            "*",
        ),
    ],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    """The start stops, and no socket is asked for it."""
    with pytest.raises(NotADomain, match="is not a"):
        host_in_ascii(host)


def test_the_examples_are_true() -> None:
    """The ones in the docstrings."""
    assert doctest.testmod(mail_address) == (0, 2)
