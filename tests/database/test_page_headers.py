"""What browsers may do with a page, and which cookies they get: the same rule for every page."""

import json
import os
import re
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from config.web.headers import DIRECTIVES
from tests import forked
from tests.shop import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

PUBLIC = ("/", "/cart/", "/checkout/", "/account/login/", "/account/new/", "/nothing", "/language/setlang/", "/mails/")
STAFF = ("/admin/", "/admin/console/", "/admin/commerce/order/", "/admin/auth/user/add/", "/reports/", "/reports.csv")

ANSWERS_OVER_TLS = """
import django, json
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.test import Client
from commerce.models import Product, Seller
seller = Seller.objects.create(email="r@example.com")
product = Product.objects.create(slug="p", name="P", price_minor=1, stock=1, seller=seller)
browser = Client(headers={"host": "shop.example"})
answers = [
    browser.get("/", secure=True),
    browser.post("/cart/add/", {"product": product.pk}, secure=True),
    browser.post("/language/setlang/", {"language": "ru"}, secure=True),
    browser.get("/", secure=True, HTTP_COOKIE="__Host-sessionid=\\"\\\\000\\""),
]
print(json.dumps([cookie.OutputString() for answer in answers for cookie in answer.cookies.values()]))
"""


def rules(answer: object) -> dict[str, str]:
    """The policy of an answer, by directive."""
    text: str = answer["Content-Security-Policy"]  # type: ignore[index]
    return dict(rule.partition(" ")[::2] for rule in text.split("; "))


@pytest.mark.parametrize("path", PUBLIC)
def test_every_page_has_the_policy(shop: Shop, client: Client, path: str) -> None:
    """Pages of errors and redirects too."""
    answer = client.get(path)

    told = rules(answer)
    assert told.pop("form-action").startswith("'self'")
    assert told == {name: value for name, value in DIRECTIVES.items() if name != "form-action"}
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert "camera=()" in answer["Permissions-Policy"]


@pytest.mark.parametrize("path", STAFF)
def test_pages_of_staff_have_it_too(boss: Client, path: str) -> None:
    """One answer for all, and no exception for the admin: it has no script and no style of its own."""
    answer = boss.get(path)

    assert rules(answer) == DIRECTIVES
    assert not re.findall(r"<style| style=|<script>| on[a-z]+=", answer.content.decode())


def test_a_refusal_has_the_headers(client: Client) -> None:
    """It is made before all other middleware."""
    answer = client.get("/", headers={"host": "evil.example"})

    assert answer.status_code == 400
    assert rules(answer) == DIRECTIVES
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Frame-Options"] == "DENY"


def test_only_forms_that_lead_to_a_provider_may_leave_the_shop(shop: Shop, client: Client) -> None:
    """The button on the checkout page and on the order's: Chromium checks the redirect that answers the form."""
    client.post(reverse("cart-add"), {"product": shop.product().pk})
    order, _ = shop.order()
    for page in (reverse("checkout"), reverse("order", args=[order.public_id])):
        assert rules(client.get(page))["form-action"] == "'self' https: http:"
    for page in (reverse("catalogue"), reverse("cart"), reverse("login")):
        assert rules(client.get(page))["form-action"] == "'self'"


@pytest.mark.parametrize("url", ["https://api.example", ""])
def test_plain_http_is_for_a_provider_that_has_no_other(
    shop: Shop, client: Client, settings: Settings, url: str
) -> None:
    """In production all have TLS."""
    order, _ = shop.order()
    settings.PAYMENT_ACCOUNTS["sandbox"]["url"] = url
    assert rules(client.get(reverse("order", args=[order.public_id])))["form-action"] == "'self' https:"


@pytest.mark.parametrize("path", [*PUBLIC, *STAFF, "/healthz", "/reports/2026-03-02/"])
def test_nobody_keeps_a_page(shop: Shop, boss: Client, path: str) -> None:
    """Each may show a cart, an account or an order. The rule is not a list of views."""
    answer = boss.get(path)

    assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", "))


def test_what_a_page_opens_is_no_referrer_for_others(shop: Shop, client: Client) -> None:
    """An order's URL is a key. Our own forms need the referrer, or a browser sends `Origin: null` with them."""
    order, _ = shop.order()
    for page in ("order", "order-state", "order-return"):
        assert client.get(reverse(page, args=[order.public_id]))["Referrer-Policy"] == "same-origin"


def test_every_cookie_belongs_to_this_host_alone(tmp_path: Path) -> None:
    """With TLS: `__Host-`, Secure, Path=/, no Domain, HttpOnly, SameSite; also the one that deletes a cookie."""
    ours = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = forked.run_code(ours | {"SHOP_URL": "https://shop.example"}, ANSWERS_OVER_TLS)
    assert done.returncode == 0, done.stderr

    cookies = [SimpleCookie(text) for text in json.loads(done.stdout.splitlines()[-1])]
    names = {name for cookie in cookies for name in cookie}
    assert names == {f"__Host-{name}" for name in ("sessionid", "csrftoken", "django_language", "messages")}
    for cookie in cookies:
        for name, facts in cookie.items():
            assert facts["secure"], name
            assert (facts["path"], facts["domain"]) == ("/", ""), name
            if facts["max-age"] != "0":
                assert facts["httponly"], name
                assert facts["samesite"] == "Lax", name


def test_a_trial_without_tls_has_cookies_that_browsers_take(client: Client) -> None:
    """They refuse `__Host-` there."""
    assert set(client.get("/account/login/").cookies) == {"csrftoken"}
