"""The lever of the breaker: an operator opens and closes it, and says why."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from billing.limits import breaker, permits
from billing.models import Breaker
from billing.payments import sweep
from tests.accounts import let_probe, state
from tests.people import logged_in
from tests.shop import Shop

pytestmark = [pytest.mark.usefixtures("account_at_rest"), pytest.mark.sqlite_is_enough]


@pytest.fixture
def operator(client: Client) -> Client:
    """Logged in, and allowed to look at accounts and to switch them."""
    return logged_in(client, "view_accountstate", "change_accountstate", name="olga")


def switch(client: Client, action: str, why: str) -> str:
    """Choose the action on the list's page; returns the page that follows."""
    fields = {"action": action, "_selected_action": "sandbox", "why": why}
    page = client.post(reverse("admin:billing_accountstate_changelist"), fields, follow=True)
    return page.content.decode()


def test_an_operator_opens_and_closes_it_by_hand(
    shop: Shop, operator: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even a probe passes in between, and who did it and why is written down."""
    _, payment = shop.order()
    asked = len(shop.sandbox.requests())
    caplog.clear()
    assert "Breakers opened by hand: 1." in switch(operator, "open-breaker", "they rebuild their network")
    shop.let_time_pass(60)
    let_probe()
    assert sweep.check_due("sandbox", 5) == 0
    breaker.note("sandbox", [None])
    assert (state().breaker, state().changed_by, state().why) == (Breaker.HELD, "olga", "they rebuild their network")

    assert "Breakers closed by hand: 1." in switch(operator, "close-breaker", "done")
    assert sweep.check_due("sandbox", 5) == 1

    assert len(shop.sandbox.requests()) == asked + 1
    assert shop.fresh(payment).errors == 0
    history = LogEntry.objects.order_by("pk").values_list("change_message", flat=True)
    assert list(history) == ["Breakers opened by hand: they rebuild their network", "Breakers closed by hand: done"]
    switched = [record.message for record in caplog.records if record.message.startswith("provider.")]
    assert switched == ["provider.breaker_opened", "provider.breaker_closed"]


def test_without_a_reason_nothing_is_switched(operator: Client) -> None:
    """The page asks for it."""
    permits.ensure_states()
    assert "errorlist" in switch(operator, "open-breaker", " ")
    assert state().breaker == Breaker.CLOSED


def test_who_may_only_look_switches_nothing(operator: Client) -> None:
    """The lever is for those with the permission "change account"."""
    permits.ensure_states()
    User.objects.get().user_permissions.remove(Permission.objects.get(codename="change_accountstate"))

    switch(operator, "open-breaker", "mischief")

    assert state().breaker == Breaker.CLOSED


def test_the_page_shows_accounts_that_were_never_called(operator: Client, settings: Settings) -> None:
    """With their limit."""
    settings.PAYMENT_ACCOUNTS["sandbox"]["rate_limit_per_s"] = "7"
    page = operator.get(reverse("admin:billing_accountstate_changelist")).content.decode()
    assert "sandbox" in page
    assert '<td class="field-limit">7</td>' in page
    detail = operator.get(reverse("admin:billing_accountstate_change", args=["sandbox"]))
    assert detail.status_code == 200
