"""A customer is sent only to the provider's own page, whatever its answers say, and is told the truth otherwise."""

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Payment
from commerce.order_state import State
from tests.database.test_pages import FORM
from tests.shop import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

ELSEWHERE = [
    "javascript:alert(1)",
    "data:text/html,paid",
    "http://evil.example/pay",
    "ftp://127.0.0.1/pay",
    "//evil.example",
    "https://127.0.0.1@evil.example/pay",
]


def click(client: Client, shop: Shop) -> str:
    """Order one thing; where the button leads to."""
    client.post(reverse("cart-add"), {"product": shop.product().pk})
    answer = client.post(reverse("checkout"), FORM)
    assert answer.status_code == 302
    return answer.headers["Location"]


@pytest.mark.parametrize("base", ELSEWHERE)
def test_an_answer_with_another_address_is_not_believed(
    shop: Shop, client: Client, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    """The order is placed, its page says that the payment is being prepared, and the provider is asked again."""
    with monkeypatch.context() as lies:
        lies.setattr(shop.sandbox, "url", base)
        led_to = click(client, shop)
    payment = Payment.objects.get()

    assert led_to == reverse("order", args=[payment.reference])
    assert (payment.pay_url, payment.errors) == ("", 1)
    assert f'data-state="{State.PREPARING}"' in client.get(led_to).content.decode()

    shop.sweep_now(payment)
    paid_at = client.post(reverse("order-pay", args=[payment.reference])).headers["Location"]
    assert paid_at == shop.fresh(payment).pay_url != ""


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_row_of_old_with_another_address_is_not_followed(shop: Shop, client: Client, url: str) -> None:
    """`javascript:` was a 500, and `data:` a page that said that nothing was ordered."""
    order, _ = shop.order()
    Payment.objects.update(pay_url=url)

    page = reverse("order", args=[order.public_id])
    assert client.post(reverse("order-pay", args=[order.public_id])).headers["Location"] == page
    assert url not in client.get(page).content.decode()


def test_money_is_taken_though_the_address_is_wrong(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is sent anywhere any more: the answer counts, and the address does not."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    monkeypatch.setattr(shop.sandbox, "url", ELSEWHERE[0])
    shop.sweep_now(payment)
    assert shop.fresh(order).is_paid
    assert shop.fresh(payment).pay_url == payment.pay_url
