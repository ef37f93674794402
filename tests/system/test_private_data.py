"""Personal data stays in the rows: real errors about one customer in every part, then a search for the customer."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from commerce.order_number import number_of
from tests.stack.ports import HANG_S, wait_until
from tests.system.house import MANAGE, ROOT, House, Placed, csrf_token, http, message

NAME, STREET, PHONE, EMAIL = "Zebedee O'Quux", "17 Quagmire Street", "+49 170 765 43 21", "zebedee@quux.example"
PARTS = ("zebedee", "quux", "quagmire", "765 43")
ADMIN = "admin@example.com"
PAGES = ("", "work/", "jobs/", "queues/", "workers/", "runbook")
ERROR_S = 60.0

CHECKS = {
    "commerce_order": "CHECK (status <> 'paid') NOT VALID",
    "commerce_notification": "CHECK (claims = 0) NOT VALID",
}
"""Each makes PostgreSQL quote a whole row in its error."""


@pytest.fixture
def parts(house: House) -> Iterator[House]:
    """Web and worker that write to an admin about each error."""
    told = {"ADMIN_EMAILS": ADMIN, "ERROR_MAILS_PER_HOUR": "20"}
    with house.told(web=told, worker=told):
        house.run("web", "worker")
        yield house
    for table in CHECKS:
        house.sql(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS spilt")


def break_(house: House, table: str) -> None:
    """From now on the table refuses rows."""
    house.sql(f"ALTER TABLE {table} ADD CONSTRAINT spilt {CHECKS[table]}")


def mend(house: House, table: str) -> None:
    """It takes them again."""
    house.sql(f"ALTER TABLE {table} DROP CONSTRAINT spilt")


def log_of(house: House, part: str) -> str:
    """All that the part has written in this run."""
    return house.part(part).output_of_this_run()


def order_of_the_customer(house: House) -> Placed:
    """An unpaid order with all that a customer tells."""
    order = house.place_one()
    person = (NAME, EMAIL, f"{STREET}\n{PHONE}", order.public_id)
    house.sql("UPDATE commerce_order SET name = %s, email = %s, address = %s WHERE public_id = %s", *person)
    return order


def pay(house: House, order: Placed) -> None:
    """The worker learns of it at once."""
    house.pay([order])
    house.make_due([order])
    house.publish("urgent", message("check_payment", house.payment_id(order)))


def fail_a_job(house: House) -> None:
    """The worker cannot claim the customer's mail; the job is tried again, and given up."""
    break_(house, "commerce_notification")
    pay(house, order_of_the_customer(house))
    wait_until(lambda: '"job.given_up"' in log_of(house, "worker"), "a job was given up", 2 * ERROR_S)
    mend(house, "commerce_notification")


def fail_a_mail(house: House) -> None:
    """The server refuses it, and repeats what it knows."""
    house.mail.answer_with(f"550 5.7.1 {NAME} of {STREET} is unknown", to=EMAIL)
    house.publish("routine", message("send_pending_emails", queue_name="routine"))
    wait_until(lambda: '"mail.' in log_of(house, "worker"), "a mail failed", ERROR_S)


def fail_a_row(house: House) -> None:
    """The worker cannot settle the customer's order."""
    order = order_of_the_customer(house)
    break_(house, "commerce_order")
    pay(house, order)
    wait_until(lambda: '"work.failed"' in log_of(house, "worker"), "a row failed", ERROR_S)
    mend(house, "commerce_order")


def fail_a_page(house: House) -> None:
    """The web cannot take an order."""
    with http() as browser:
        house._put_into_cart(browser)
        token = csrf_token(browser.get(f"{house.url}/checkout/", timeout=HANG_S))
        house.sql("ALTER TABLE commerce_order ADD CONSTRAINT spilt CHECK (id < 0) NOT VALID")
        form = {"csrfmiddlewaretoken": token, "email": EMAIL, "name": NAME, "address": f"{STREET}\n{PHONE}"}
        assert browser.post(f"{house.url}/checkout/", data=form, timeout=HANG_S).status_code == 500


def fail_a_command(house: House) -> str:
    """One of Django's own, with a chain of errors. Returns what it wrote."""
    code = (
        "from commerce.models import Order\n"
        f"order = Order.objects.filter(name={NAME!r}).first()\n"
        "try: int(order.email)\nexcept ValueError: order.status = 'lost'; order.save()"
    )
    ended = subprocess.run(
        [*MANAGE, "shell", "-c", code], cwd=ROOT, env=house.environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    return ended.stderr


def everything(house: House) -> dict[str, str]:
    """All text that is no row of the shop, by where it stands."""
    operator = house.signed_in()
    console = [f"{house.url}/admin/console/{page}" for page in PAGES]
    console += [f"{house.url}/admin/console/jobs/{pk}/" for (pk,) in house.sql("SELECT id FROM actors_job")]
    shown = {url: operator.get(url, timeout=HANG_S).text for url in console}
    return {
        **{str(path): path.read_text(errors="replace") for path in house.directory.rglob("*.log")},
        **shown,
        **{f"metrics of {part}": str(vars(house.metrics(part))) for part in ("web", "worker")},
        "job history": str(house.sql("SELECT * FROM actors_job")),
        "jobs dead": house.manage("jobs", "dead", "--json").stdout,
        "jobs history": house.manage("jobs", "history", "--json").stdout,
        "messages": json.dumps([house.take_all(queue) for queue in ("urgent.XQ", "routine.XQ")]),
        "error mails": "".join(str(mail.message) for mail in house.mail.messages if ADMIN in mail.recipients),
    }


def test_errors_about_a_customer_leave_the_customer_in_the_rows(parts: House) -> None:
    """Log lines, history, dead letters with their options, console, metrics, error mails, standard error."""
    for fail in (fail_a_job, fail_a_mail, fail_a_row, fail_a_page):
        fail(parts)
    wait_until(lambda: any(ADMIN in mail.recipients for mail in parts.mail.messages), "an error mail came", ERROR_S)

    told = everything(parts) | {"a command": fail_a_command(parts)}

    assert {where: part for where, text in told.items() for part in PARTS if part in text.lower()} == {}
    assert "IntegrityError" in told["a command"]
    assert "IntegrityError" in told["job history"]
    assert "SQLSTATE 23514, constraint spilt, table commerce_notification" in told["job history"]
    assert '"options"' in told["messages"]


def follow_the_links(house: House, order: Placed) -> None:
    """What the customer and a stranger do with the order's pages; the last one lacks a token, and is logged."""
    with http() as browser:
        for page in ("", "return/", "state.json", "receipt/"):
            browser.get(f"{house.url}/orders/{order.public_id}/{page}", timeout=HANG_S)
        assert browser.post(f"{house.url}/orders/{order.public_id}/cancel/", timeout=HANG_S).status_code == 403


def test_no_line_metric_or_message_opens_the_page_of_an_order(house: House) -> None:
    """A whole purchase, and one that ends unpaid: the log names an order by its number."""
    house.run("web")
    paid, unpaid = house.place(2)
    for order in (paid, unpaid):
        follow_the_links(house, order)
    house.pay([paid])
    messages = json.dumps(house.take_all("urgent"))
    ended = "UPDATE commerce_order SET pay_before = now(), expires_at = now() WHERE public_id = %s"
    house.sql(ended, unpaid.public_id)
    house.run("web", "worker", "scheduler")
    house.wait_until_settled([paid])

    told = {part: log_of(house, part) + str(vars(house.metrics(part))) for part in house.pids()}
    told |= {"messages": messages, "job history": str(house.sql("SELECT * FROM actors_job"))}
    ids = (paid.public_id, unpaid.public_id)
    lines = [line for text in told.values() for line in text.splitlines() if any(each in line for each in ids)]
    assert lines == []
    [(key,)] = house.sql("SELECT id FROM commerce_order WHERE public_id = %s", paid.public_id)
    assert f'"event": "order.paid", "logger": "commerce.orders", "order": "{number_of(key)}"' in told["worker"]
    assert "Forbidden" in told["web"]
