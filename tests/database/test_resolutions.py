"""What operators can do about money, in the admin: who may, what is asked, what is written down."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from billing.models import Attention, Payment, Refund
from billing.payments import mismatches
from billing.refunds import follow
from billing.refunds import service as refunds
from billing.states import Status
from commerce.models import Order, OrderStatus
from tests.people import logged_in
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough


def operator(*permissions: str) -> Client:
    """Somebody of the shop who may see payments and orders, and what is named besides."""
    return logged_in(Client(), "view_payment", "view_refund", "view_order", *permissions, name="olga")


def resolution(row: Payment | Refund | Order, name: str) -> str:
    """The address of the form."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_action", args=[row.pk, name])


def page_of(client: Client, row: Payment | Refund | Order) -> str:
    """Its page in the admin."""
    answer = client.get(reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def key_in(page: str) -> str:
    """The key that the form carries."""
    found = re.search(r'name="key" value="([0-9a-f]{32})"', page)
    assert found
    return found[1]


def take(client: Client, address: str, **fields: Any) -> Any:
    """Open the form, fill it in, send it."""
    page = client.get(address).content.decode()
    key = {"key": key_in(page)} if 'name="key"' in page else {}
    return client.post(address, {"why": "she asked for it", **key, **fields})


def wrong_sum(shop: Shop, value: str = "4.00", currency: str = "EUR") -> Payment:
    """A payment for which something else came."""
    _, payment = shop.order()
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": value, "currency": currency})
    return shop.look(payment)


# --- refunds ---------------------------------------------------------------------------------------------------------


def test_an_operator_gives_a_part_back(shop: Shop) -> None:
    """The page leads to the form; row and admin history tell who and why."""
    _, payment = shop.paid()
    olga = operator("add_refund")
    assert resolution(payment, "refund") in page_of(olga, payment)

    answer = take(olga, resolution(payment, "refund"), amount="1.50")

    assert (answer.status_code, answer["Location"]) == (302, reverse("admin:billing_payment_change", args=[payment.pk]))
    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.wanted_by, refund.why) == (150, "olga", "she asked for it")
    assert LogEntry.objects.get().get_change_message() == "Refunds begun: she asked for it"
    assert "€1.50" in page_of(olga, payment)


def test_a_difference_that_was_cleared_up_is_noted(shop: Shop) -> None:
    """Nothing in the books moves; who cleared it up and how stands on the payment, and it calls for nobody any more."""
    _, payment = shop.paid()
    refunds.notice(payment.pk, payment.amount_minor + 1)
    olga = operator("decide_payment")
    assert resolution(payment, "note-difference") in page_of(olga, payment)

    take(olga, resolution(payment, "note-difference"))

    payment = shop.fresh(payment)
    assert (payment.attention, payment.status, payment.refunds_minor) == (Attention.NONE, Status.SUCCEEDED, 0)
    assert (payment.decided_by, payment.decided_why) == ("olga", "she asked for it")
    with pytest.raises(mismatches.CannotDecide, match="do not differ"):
        mismatches.note_difference(payment.pk, "olga", "again")


def test_the_form_is_filled_in_with_all_that_is_left(shop: Shop) -> None:
    """And afterwards there is nothing more to give back."""
    _, payment = shop.paid()
    shop.refund(payment, "1.00")
    olga = operator("add_refund")
    page = olga.get(resolution(payment, "refund")).content.decode()
    filled_in = re.search(r'name="amount" value="([^"]*)"', page)
    assert filled_in

    take(olga, resolution(payment, "refund"), amount=filled_in[1])

    assert sorted(Refund.objects.values_list("amount_minor", flat=True)) == [100, 350]
    assert resolution(payment, "refund") not in page_of(olga, payment)


def test_a_double_click_gives_back_once(shop: Shop) -> None:
    """The same form is sent twice."""
    _, payment = shop.paid()
    olga, address = operator("add_refund"), resolution(payment, "refund")
    form = {"why": "x", "amount": "1.00", "key": key_in(olga.get(address).content.decode())}

    answers = [olga.post(address, form).status_code for _ in range(2)]

    assert (answers, Refund.objects.count()) == ([302, 302], 1)


@pytest.mark.parametrize("amount", ["", "4.51", "0", "-1", "1.001", "a lot", "1e2", "٣"])
def test_a_bad_amount_is_explained_and_loses_nothing(shop: Shop, amount: str) -> None:
    """The form comes back with what was written, and nothing was given back."""
    _, payment = shop.paid()

    answer = take(operator("add_refund"), resolution(payment, "refund"), amount=amount)

    assert answer.status_code == 409
    assert "errorlist" in answer.content.decode()
    assert "she asked for it" in answer.content.decode()
    assert not Refund.objects.exists()
    assert not LogEntry.objects.exists()


def test_a_reason_is_asked_for(shop: Shop) -> None:
    """Without one nothing happens."""
    _, payment = shop.paid()

    answer = take(operator("add_refund"), resolution(payment, "refund"), why="")

    assert (answer.status_code, Refund.objects.count()) == (409, 0)


def test_who_may_not_is_told_so(shop: Shop) -> None:
    """Seeing payments is not enough, and a stranger is sent to the login."""
    _, payment = shop.paid()
    olga, address = operator(), resolution(payment, "refund")

    assert olga.get(address).status_code == 403
    assert olga.post(address, {"why": "x", "key": "f" * 32}).status_code == 403
    assert Client().get(address).status_code == 302
    assert not Refund.objects.exists()


@pytest.mark.parametrize("address", ["refund/", "no-such-way/"])
def test_what_is_not_there_is_not_found(shop: Shop, address: str) -> None:
    """A payment, or a resolution, that does not exist."""
    _, payment = shop.paid()
    pk = payment.pk if address.startswith("no-such") else payment.pk + 999

    assert operator("add_refund").get(f"/admin/billing/payment/{pk}/way-out/{address}").status_code == 404


def test_the_list_leads_to_the_form_of_one_payment(shop: Shop) -> None:
    """For several there is no common reason."""
    payments = [shop.paid()[1] for _ in range(2)]
    olga, address = operator("add_refund"), reverse("admin:billing_payment_changelist")

    def choose(*chosen: Payment) -> str:
        fields = {"action": "refund", "_selected_action": [payment.pk for payment in chosen]}
        return str(olga.post(address, fields)["Location"])

    assert choose(payments[0]) == resolution(payments[0], "refund")
    assert choose(*payments).startswith(address)


def test_a_refund_that_nobody_knows_about_is_given_up(shop: Shop) -> None:
    """Offered only there."""
    _, payment = shop.paid()
    refund = shop.refund(payment)
    olga = operator("decide_refund")
    assert resolution(refund, "give-up") not in page_of(olga, refund)
    assert take(olga, resolution(refund, "give-up")).status_code == 409

    Refund.objects.update(attention=Attention.KEY_FORGOTTEN)
    assert resolution(refund, "give-up") in page_of(olga, refund)
    take(olga, resolution(refund, "give-up"))

    assert shop.fresh(refund).status == "failed"
    assert shop.fresh(payment).refunds_minor == 0


def test_an_operator_asks_about_a_refund(shop: Shop) -> None:
    """It comes due at once."""
    shop.sandbox.refunds_start_as("pending")
    _, payment = shop.paid()
    refund = shop.follow(shop.refund(payment))
    shop.sandbox.force_refund(refund.provider_ref, "succeeded")

    fields = {"action": "check-refund", "_selected_action": [refund.pk]}
    operator("check_refund").post(reverse("admin:billing_refund_changelist"), fields)
    follow.follow_due("sandbox", 5)

    assert shop.fresh(refund).events.get(target="succeeded").found_by == "operator"


# --- what came instead -----------------------------------------------------------------------------------------------


def test_what_came_instead_is_accepted(shop: Shop) -> None:
    """Offered beside giving back; taken, neither is there any more."""
    payment = wrong_sum(shop)
    olga = operator("decide_payment", "add_refund")
    page = page_of(olga, payment)
    assert resolution(payment, "accept") in page
    assert resolution(payment, "give-back") in page
    assert resolution(payment, "close") not in page

    take(olga, resolution(payment, "accept"))

    payment = shop.fresh(payment)
    assert (payment.status, payment.decided_by, payment.decided_why) == (Status.SUCCEEDED, "olga", "she asked for it")
    assert resolution(payment, "accept") not in page_of(olga, payment)


def test_what_came_in_another_currency_can_only_go_back(shop: Shop) -> None:
    """Accepting is not offered, and refused to whoever knows its address."""
    payment = wrong_sum(shop, "4.50", "USD")
    olga = operator("decide_payment", "add_refund")
    assert resolution(payment, "accept") not in page_of(olga, payment)
    assert "only EUR can count" in take(olga, resolution(payment, "accept")).content.decode()

    take(olga, resolution(payment, "give-back"))
    shop.sweep()

    assert (shop.fresh(payment).status, str(Refund.objects.get().amount)) == (Status.FAILED, "4.50 USD")


def test_a_payment_without_money_is_closed(shop: Shop) -> None:
    """After a look into the provider's own pages."""
    _, payment = shop.order()
    shop.sandbox.fault("status", "wrong_reference")
    shop.look(payment)

    take(operator("decide_payment"), resolution(payment, "close"))

    assert shop.fresh(payment).status == Status.CANCELED


def test_the_list_shows_what_came_instead(shop: Shop) -> None:
    """Less, more, another currency."""
    less, more, other = wrong_sum(shop, "4.00"), wrong_sum(shop, "5.00"), wrong_sum(shop, "4.50", "USD")
    mismatches.accept(more.pk, "olga", "fine")
    shop.paid()
    olga = operator()

    for came, payment in (("less", less), ("more", more), ("other", other)):
        answer = olga.get(reverse("admin:billing_payment_changelist"), {"came": came})
        assert list(answer.context["cl"].queryset) == [payment]
    assert olga.get(reverse("admin:billing_payment_changelist")).context["cl"].queryset.count() == 4


# --- late money ------------------------------------------------------------------------------------------------------


@pytest.fixture
def parked(shop: Shop, settings: Settings) -> Order:
    """An order for which money came late, and waits."""
    settings.LATE_MONEY_POLICY = "park"
    order, payment = shop.order(shop.product(stock=3))
    shop.buyer(payment, "cancel")
    shop.sweep_now(payment)
    shop.sandbox.force(payment.provider_ref, "succeeded")
    shop.receive(payment)
    shop.sweep()
    return shop.fresh(order)


@pytest.mark.parametrize(
    ("name", "status", "refunded", "note"),
    [
        ("accept", OrderStatus.PAID, False, ""),
        ("give-back", OrderStatus.CANCELED, True, ""),
        ("leave", OrderStatus.CANCELED, False, "waits: she asked for it"),
    ],
)
def test_late_money_has_three_resolutions(
    shop: Shop, parked: Order, name: str, status: OrderStatus, refunded: bool, note: str
) -> None:
    """On the order's page; the order tells who decided what."""
    olga = operator("change_order", "decide_payment", "add_refund")
    assert resolution(parked, name) in page_of(olga, parked)
    payment = Payment.objects.get()

    answer = take(olga, resolution(parked, name), payment=payment.pk)
    shop.sweep()

    order = shop.fresh(parked)
    assert (answer.status_code, order.status, Refund.objects.exists()) == (302, status, refunded)
    assert order.attention_note.endswith(note)
    assert bool(order.attention_note) == bool(note)
    assert order.events.get(kind="decided").by == "olga"
    assert "olga decided" in page_of(olga, order)


def test_late_money_that_was_decided_on_is_not_decided_again(shop: Shop, parked: Order) -> None:
    """A second operator with the old form is told so; a second click of the first one is the same click."""
    olga, payment = operator("change_order", "decide_payment", "add_refund"), Payment.objects.get()
    address = resolution(parked, "give-back")
    form = {"why": "sold out", "payment": payment.pk, "key": key_in(olga.get(address).content.decode())}
    accept = key_in(olga.get(resolution(parked, "accept")).content.decode())

    assert [olga.post(address, form).status_code for _ in range(2)] == [302, 302]
    late = olga.post(resolution(parked, "accept"), {**form, "key": accept})

    assert (late.status_code, Refund.objects.count()) == (409, 1)
    assert "decided on already" in late.content.decode()


@pytest.mark.parametrize("name", ["accept", "give-back", "leave"])
def test_a_payment_that_does_not_exist_is_not_decided_on(shop: Shop, name: str) -> None:
    """The form came from elsewhere."""
    order, _ = shop.order()
    olga = operator("change_order", "decide_payment", "add_refund")

    answer = take(olga, resolution(order, name), payment=999_999)

    assert (answer.status_code, order.events.exists()) == (409, False)
    assert "decided on already" in answer.content.decode()


def test_late_money_needs_the_permissions_about_money(parked: Order) -> None:
    """Changing orders is not enough to give it back or to accept it; it is to leave it waiting."""
    olga = operator("change_order")

    statuses = {name: olga.get(resolution(parked, name)).status_code for name in ("give-back", "accept", "leave")}
    assert statuses == {"give-back": 403, "accept": 403, "leave": 200}


def test_whoever_decides_on_what_came_sees_what_came(shop: Shop) -> None:
    """On the page that asks why, beside what was asked for."""
    payment = wrong_sum(shop)
    page = operator("decide_payment").get(resolution(payment, "accept")).content.decode()
    assert "the provider has €4.00, we asked for €4.50" in page
