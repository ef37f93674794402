"""What a provider says is not believed as an address: customers are sent only to its own pages."""

import pytest

from billing.providers.pay_pages import is_pay_page

HOSTS = ("checkout.stripe.com", ".yoomoney.ru")


@pytest.mark.parametrize(
    "url",
    ["https://checkout.stripe.com/c/pay/cs_1#x", "https://pay.yoomoney.ru/a?b=c", "https://CHECKOUT.stripe.com:443/"],
)
def test_a_page_of_the_provider_is_one(url: str) -> None:
    assert is_pay_page(url, HOSTS)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/orders/1/",
        "//checkout.stripe.com/",
        "http://checkout.stripe.com/",
        "ftp://checkout.stripe.com/",
        "javascript:alert(1)",
        "javascript://checkout.stripe.com/%0aalert(1)",
        "data:text/html,<p>paid",
        "https://evil.example/",
        "https://evil.example/checkout.stripe.com",
        "https://checkout.stripe.com.evil.example/",
        "https://evilyoomoney.ru/",
        "https://yoomoney.ru/",
        "https://checkout.stripe.com@evil.example/",
        "https://user@checkout.stripe.com/",
        "https://checkout.stripe.com\\@evil.example/",
        "https://evil.example\\.yoomoney.ru/",
        "https://evil.example .yoomoney.ru/",
        "https://checkout.stripe.com:no/",
        "https://[checkout.stripe.com/",
        "https://checkout.stripe.com/\r\nSet-Cookie: a=b",
        "https://checkout.stripe.com/\0",
        "https://checkout.stripe.com/" + "a" * 500,
        "https://сheckout.stripe.com/",  # a Cyrillic letter
    ],
)
def test_any_other_address_is_none(url: str) -> None:
    assert not is_pay_page(url, HOSTS)


@pytest.mark.parametrize(
    ("url", "is_page"),
    [
        ("http://127.0.0.1:8100/pay/1", True),
        ("http://[::1]:8100/pay/1", True),
        ("http://sandbox.localhost:8100/pay/1", True),
        ("http://sandbox.example/pay/1", False),
        ("http://10.0.0.7/pay/1", False),
        ("https://sandbox.example/pay/1", True),
    ],
)
def test_without_tls_a_page_is_on_this_machine(url: str, is_page: bool) -> None:
    """The sandbox of a trial."""
    hosts = ("127.0.0.1", "::1", "sandbox.localhost", "sandbox.example", "10.0.0.7")
    assert is_pay_page(url, hosts) is is_page
