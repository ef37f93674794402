"""Who sent a request, as far as our own proxies vouch for it."""

from ipaddress import ip_network

import pytest

from config.web.proxies import sender

OURS = [ip_network("10.0.0.0/8"), ip_network("2001:db8:a::/48")]


@pytest.mark.parametrize(
    ("remote", "forwarded_for", "found"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7,10.0.0.2 ,  10.0.0.3", "203.0.113.7"),
        ("2001:db8:a::1", "2001:db8:ffff::7", "2001:db8:ffff::7"),
        ("10.0.0.1", "2001:DB8:FFFF:0::7, 2001:db8:a::2", "2001:db8:ffff::7"),
    ],
)
def test_the_sender_is_who_our_outermost_proxy_saw(remote: str, forwarded_for: str, found: str) -> None:
    """However many of our proxies there are, and whatever the kind of address."""
    assert sender(remote, forwarded_for, OURS) == found


@pytest.mark.parametrize(
    ("remote", "forwarded_for", "found"),
    [
        ("198.51.100.9", "203.0.113.7", "198.51.100.9"),
        ("198.51.100.9", "203.0.113.7, 10.0.0.1", "198.51.100.9"),
        ("10.0.0.1", "185.71.76.1, 198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "185.71.76.1, 10.0.0.5, 198.51.100.9, 10.0.0.2", "198.51.100.9"),
        ("10.0.0.1", "<script>, 198.51.100.9", "198.51.100.9"),
    ],
)
def test_what_a_stranger_wrote_into_the_header_is_not_believed(remote: str, forwarded_for: str, found: str) -> None:
    """Neither one who reaches us without a proxy, nor one who sends the header along through it."""
    assert sender(remote, forwarded_for, OURS) == found


@pytest.mark.parametrize("garbage", ["unknown", "_hidden", "", " ", "10.0.0", "203.0.113.7;", "1.2.3.4:5:6", "é"])
def test_a_proxy_that_wrote_no_address_leaves_the_sender_unknown(garbage: str) -> None:
    """The proxy itself is not the sender, and what stands further left may be anybody's."""
    assert sender("10.0.0.1", f"203.0.113.7, {garbage}", OURS) == ""


def test_without_trusted_proxies_the_header_is_nothing() -> None:
    """Whoever connects is the sender."""
    assert sender("10.0.0.1", "203.0.113.7", []) == "10.0.0.1"
    assert sender("", "203.0.113.7", []) == ""


def test_a_socket_in_the_file_system_is_a_proxy_of_ours() -> None:
    """Nobody else can reach it; its address is empty."""
    assert sender("", "185.71.76.1, 198.51.100.9", OURS) == "198.51.100.9"
    assert sender("", "", OURS) == ""


def test_where_everybody_is_ours_the_furthest_is_the_sender() -> None:
    """A request that began inside."""
    assert sender("10.0.0.1", "10.0.0.3, 10.0.0.2", OURS) == "10.0.0.3"
    assert sender("10.0.0.1", "", OURS) == "10.0.0.1"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8:ffff::7]:4711", "2001:db8:ffff::7"),
        ("[2001:db8:ffff::7]", "2001:db8:ffff::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_addresses_are_read_as_proxies_write_them(written: str, found: str) -> None:
    """With a port, in brackets, in the dress of IPv6; what is kept is the address alone."""
    assert sender("10.0.0.1", written, OURS) == found
    assert sender(written, "", []) == found
    assert sender("::ffff:10.0.0.1", written, OURS) == found
