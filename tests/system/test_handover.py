"""Billing in another project: billing/EMBEDDING.md, followed to the letter.

The project is what `django-admin startproject` writes, the files are the code blocks of the guide, and its processes
see nothing of ours but the copy that the guide makes.
"""

import re
from collections.abc import Iterator

import pytest
import requests

from tests.stack.ports import HANG_S, wait_until
from tests.system.museum import FILES, GUIDE, SETTLE_S, InAnyProject, Museum, in_many_processes, in_one_process, opened

pytestmark = pytest.mark.django_db(transaction=False)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(in_one_process, id="in_one_process"),
        pytest.param(in_many_processes, id="in_many_processes", marks=pytest.mark.campaign),
    ],
)
def museum(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Museum]:
    """The museum, open."""
    with opened(Museum(tmp_path_factory.mktemp("museum")), request.param) as museum:
        yield museum


class TestMuseum(InAnyProject):
    """What holds in any project."""


def test_a_ticket_is_paid_by_the_callback(museum: Museum) -> None:
    """Even where nobody would have looked for an hour."""
    museum.callbacks(lost=False)
    number, pay_url = museum.buy()
    museum.python(
        "from datetime import timedelta\n"
        f"Payment.objects.filter(reference={number!r}).update(next_check_at=Now() + timedelta(hours=1), claims=0)"
    )

    museum.pay(pay_url)

    museum.wait_until_paid(number, SETTLE_S)
    assert museum.found_by(number) == "callback"
    assert museum.complaints() == []


def test_a_ticket_is_paid_once_however_often_its_events_are_settled(museum: Museum) -> None:
    """An event that comes again finds the ticket paid."""
    number, pay_url = museum.buy()
    museum.pay(pay_url)
    paid_at = museum.wait_until_paid(number, SETTLE_S)
    unsettled = f"PaymentEvent.objects.filter(payment__reference={number!r}, settle_after__isnull=False)"
    museum.python(f"PaymentEvent.objects.filter(payment__reference={number!r}).update(settle_after=Now())")

    wait_until(lambda: museum.python(f"print({unsettled}.count())") == "0", "its events were settled again", SETTLE_S)

    assert museum.ticket(number)["paid_at"] == paid_at


def test_the_visitor_who_comes_back_sees_the_ticket(museum: Museum) -> None:
    """The return page leads there."""
    number, _ = museum.buy()

    page = requests.get(f"{museum.url}/tickets/{number}/back/", timeout=HANG_S)

    assert page.url == f"{museum.url}/tickets/{number}/"
    assert page.json()["visitor"] == "ann@example.com"


@pytest.mark.parametrize("kept", [True, False])
def test_a_project_that_uses_django_dramatiqs_table_of_tasks_keeps_its_page(museum: Museum, kept: bool) -> None:
    """Where its middleware is not in the list the table stays empty, and the page is taken away."""
    middleware = ["django_dramatiq.middleware.AdminMiddleware"] * kept
    more = museum.other_settings("more", f"DRAMATIQ_BROKER['MIDDLEWARE'] += {middleware}")
    question = "from django.contrib import admin\nfrom django_dramatiq.models import Task"

    answer = museum.python(f"{question}\nprint(admin.site.is_registered(Task))", DJANGO_SETTINGS_MODULE=more)

    assert answer.split()[-1] == str(kept)


def test_the_tables_are_those_of_our_migrations(museum: Museum) -> None:
    """Whatever the project's DEFAULT_AUTO_FIELD is: it would otherwise be asked for migrations of our apps."""
    done = museum.manage("makemigrations", "--check", "--dry-run")

    assert (done.returncode, done.stdout.strip()) == (0, "No changes detected"), done.stdout + done.stderr


def test_a_settling_actor_that_nobody_declares_stops_the_start(museum: Museum) -> None:
    """Otherwise every payment that moves would nudge nobody, and only the log would know."""
    wrong = museum.other_settings("wrong", "PAYMENT_SETTLING_ACTOR = 'settle_paintings'")

    done = museum.manage("check", DJANGO_SETTINGS_MODULE=wrong)

    assert done.returncode == 1
    assert "PAYMENT_SETTLING_ACTOR is 'settle_paintings', but no module of ACTOR_MODULES declares" in done.stderr


def test_the_page_shows_every_file_that_it_speaks_of() -> None:
    """Or the tests above would not be about the page."""
    assert [name for _, name, _, _ in FILES if "museum" in name] == re.findall(
        r"^`(museum/[\w/.]+)`", GUIDE, re.MULTILINE
    )
    assert len(FILES) == len(re.findall("```(?:python|html)", GUIDE)) == 7
