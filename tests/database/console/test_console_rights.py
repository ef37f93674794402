"""Who may see and do what at the console."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from actors.console.actions import ACTIONS
from actors.operations.findings.work import LISTS
from tests.consoles import LEVELS, addresses, do, somebody

pytestmark = pytest.mark.sqlite_is_enough


@pytest.mark.parametrize("level", [None, *LEVELS])
def test_each_page_is_for_those_who_may_read(house: dict[str, str], level: str | None) -> None:
    """All three ways of it; whoever may do nothing is told so."""
    client, expected = somebody(level), 200 if level else 403

    for name, address in addresses().items():
        for way in ("", "?part=live", "?as=json"):
            assert client.get(address + way).status_code == expected, (name, way)


def test_each_list_that_a_finding_leads_to_is_for_those_who_may_read(house: dict[str, str]) -> None:
    """A link on the first page that ends in a refusal helps no one at night."""
    client = somebody("read")
    assert {name: client.get(reverse(page)).status_code for name, page in LISTS.items()} == dict.fromkeys(LISTS, 200)


@pytest.mark.parametrize("level", [None, *LEVELS])
def test_each_act_is_for_those_who_may(house: dict[str, str], level: str | None) -> None:
    """Neither its question nor its doing; a level below is refused, and nothing is recorded."""
    client = somebody(level)

    for act in ACTIONS:
        may = level == "configure" or (level == "act" and "actors.console_configure" not in act.permissions)
        asked = client.get(reverse(f"console:{act.name}"), {"key": house[act.name]})
        done = do(client, act.name, house[act.name])
        assert (asked.status_code, done.status_code) == ((200, 302) if may else (403, 403)), act.name
    assert LogEntry.objects.exists() == (level in ("act", "configure"))


def test_the_console_does_not_widen_what_one_may_in_other_rooms(house: dict[str, str]) -> None:
    """Acting in the console is not enough to make a payment move."""
    client = somebody("act")
    Group.objects.get(name=LEVELS["act"]).permissions.remove(
        *Group.objects.get(name=LEVELS["act"]).permissions.filter(codename="check_payment")
    )

    assert do(client, "check-payment", house["check-payment"]).status_code == 403
    assert do(client, "look-at", house["look-at"]).status_code == 403
    assert do(client, "run-now", "settle_orders").status_code == 302


def test_strangers_and_customers_are_asked_to_log_in(house: dict[str, str], client: Client) -> None:
    """By the admin's own page; a customer's login does not count."""
    for address in (*addresses().values(), *(reverse(f"console:{act.name}") for act in ACTIONS)):
        assert client.get(address)["Location"].startswith("/admin/login/")
    client.force_login(User.objects.create_user("ann"))
    assert client.get(reverse("console:overview"))["Location"].startswith("/admin/login/")


def test_nothing_is_done_without_the_token_of_the_page(house: dict[str, str]) -> None:
    """A page elsewhere cannot press our buttons."""
    User.objects.create_superuser("root")
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="root"))

    for act in ACTIONS:
        assert do(client, act.name, house[act.name]).status_code == 403
    assert not LogEntry.objects.exists()


def test_the_way_in_is_on_the_first_page_of_the_admin(house: dict[str, str]) -> None:
    """For those who may go there."""
    assert reverse("console:overview") in somebody("read").get("/admin/").content.decode()
    assert reverse("console:overview") not in somebody(None).get("/admin/").content.decode()


def test_buttons_are_shown_to_those_who_may_press_them(house: dict[str, str]) -> None:
    """The others see the same page without."""
    page = addresses()["queues"]
    assert reverse("console:pause-queue") in somebody("configure").get(page).content.decode()
    assert reverse("console:pause-queue") not in somebody("act").get(page).content.decode()


def test_whoever_may_not_act_has_nothing_to_choose(house: dict[str, str]) -> None:
    """A button that chooses rows for nothing would be a riddle."""
    page = addresses()["jobs"]
    assert "Choose all" in somebody("act").get(page).content.decode()
    assert "Choose all" not in somebody("read").get(page).content.decode()
