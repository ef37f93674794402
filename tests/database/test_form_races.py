"""Forms that meet: what two people save at the same moment is saved once, and the other one reads why."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model
from django.db.models.signals import pre_save
from django.test import Client
from django.urls import reverse

from commerce.models import Seller
from tests.shop import Shop
from tests.threads import at_once

PASSWORD = "a long password of a customer"

FORMS: dict[type[Model], dict[str, Any]] = {
    Seller: {"name": "Roastery", "email": "roastery@sellers.example.com", "language": "en", "active": "on"},
    Group: {"name": "Packers"},
    User: {"username": "sam", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD},
}
"""A form of the admin for each kind of unique value that people write."""

TAKEN: dict[type[Model], dict[str, str]] = {
    Seller: {"email": "roastery@sellers.example.com"},
    Group: {"name": "Packers"},
    User: {"username": "sam"},
}


def overtake(model: type[Model]) -> Callable[..., None]:
    """Connect a rival that saves the same value once, between the form's check and its save. SQLite has one writer at
    a time: there the rival is part of the same transaction.
    """

    def rival(**_signal: Any) -> None:
        pre_save.disconnect(rival, model)
        save = partial(model._default_manager.create, **TAKEN[model])
        at_once(save) if connection.vendor == "postgresql" else save()

    pre_save.connect(rival, model, weak=False)
    return rival


@pytest.mark.parametrize("model", FORMS, ids=lambda model: model.__name__)
def test_a_form_that_is_overtaken_says_so(boss: Client, model: type[Model], caplog: pytest.LogCaptureFixture) -> None:
    """No error page, no mail, and one row."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
    rival = overtake(model)
    try:
        answer = boss.post(address, FORMS[model])
    finally:
        pre_save.disconnect(rival, model)

    assert model._default_manager.filter(**TAKEN[model]).count() == 1
    assert not [line for line in caplog.records if line.exc_info]
    if connection.vendor == "postgresql":
        assert "already exists" in answer.content.decode()


def test_a_real_fault_of_a_form_stays_an_error(boss: Client) -> None:
    """Only one more try: what fails again is reported."""

    def broken(**_signal: Any) -> None:
        Seller.objects.bulk_create([Seller(email="same@example.com"), Seller(email="same@example.com")])

    pre_save.connect(broken, Seller)
    boss.raise_request_exception = False
    try:
        assert boss.post(reverse("admin:commerce_seller_add"), FORMS[Seller]).status_code == 500
    finally:
        pre_save.disconnect(broken, Seller)
    assert not Seller.objects.exists()


def test_many_clicks_of_one_visitor_break_nothing(shop: Shop) -> None:
    """Adding, changing and ordering at once, with one session and with one account."""
    product = shop.product("espresso", stock=100)
    User.objects.create_user("ann@example.com", password=PASSWORD)
    guest = Client()
    guest.post(reverse("cart-add"), {"product": product.pk})
    form = {"email": "ann@example.com", "name": "Ann", "address": "1 Main Street"}
    deeds: list[tuple[str, dict[str, Any]]] = [
        ("cart-add", {"product": product.pk, "quantity": 1}),
        ("cart-change", {"product": product.pk, "quantity": 2}),
        ("login", {"username": "ann@example.com", "password": PASSWORD}),
        ("checkout", form),
    ]

    def click(name: str, sent: dict[str, Any]) -> int:
        tab = Client(raise_request_exception=False)
        tab.cookies = guest.cookies
        return tab.post(reverse(name), sent).status_code

    works = [partial(click, *deed) for deed in deeds for _ in range(3)]
    assert not [status for status in at_once(*works) if status >= 500]
