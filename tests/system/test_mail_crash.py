"""Workers that are killed between two mails, or within one: what comes twice, and that nothing is lost."""

import time
from collections import Counter
from functools import partial
from itertools import count

import pytest

from tests.stack.ports import wait_until
from tests.system.house import House, message

MAILS, KILLS = 240, 3
_runs = count(1)


@pytest.mark.campaign
@pytest.mark.parametrize("connections", [1, 2])
def test_a_killed_worker_doubles_one_mail_per_connection_at_the_most(house: House, connections: int) -> None:
    """Each kill hits a batch on each connection in the middle: every mail arrives, and each kill costs one copy per
    connection at the most, with the same Message-ID. Two kills may hit the same mail: what was left over is sent
    again."""
    house.mail.hang(0.02, times=None)  # so that most of the time a mail is under way, and no kill comes too late
    with house.told(worker=patient(connections)):
        domain = queue_mails(house, MAILS)
        for _ in range(KILLS):
            house.run("worker")
            enough = len(arrived(house, domain)) + 20
            sweep(house)
            wait_until(partial(enough_arrived, house, domain, enough), "mails were arriving")
            house.part("worker").kill()
            assert left(house, domain) > 0
            forget(house)

        house.run("worker")
        sweep(house)
        wait_until(lambda: left(house, domain) == 0, "all mails were sent")

    ids = arrived(house, domain)
    assert len(set(ids)) == MAILS
    assert len(ids) <= MAILS + KILLS * connections


@pytest.mark.campaign
def test_a_backlog_is_sent_over_so_many_connections_and_no_more(house: House) -> None:
    """Of one message the threads of a worker make as many batches side by side as the setting allows."""
    house.mail.hang(0.02, times=None)
    with house.told(worker=patient(2)):
        house.run("worker")
        before = house.mail.connections
        domain = queue_mails(house, MAILS)
        for _ in range(4):
            sweep(house)
        wait_until(lambda: left(house, domain) == 0, "all mails were sent")
        opened = house.mail.connections - before

    assert opened == 2


def test_several_workers_share_the_mails_and_double_none(house: House) -> None:
    """Two processes, several batches in each."""
    house.mail.hang(0.005, times=None)
    with house.told(worker=patient(2), worker2=patient(2)):
        house.run("worker", "worker2")
        domain = queue_mails(house, MAILS)
        for _ in range(6):
            sweep(house)
        wait_until(lambda: left(house, domain) == 0, "all mails were sent")
        time.sleep(0.5)

    assert sorted(Counter(arrived(house, domain)).values()) == [1] * MAILS


def patient(connections: int) -> dict[str, str]:
    """A worker that may open so many connections to the mail server, and sends no mail again because it was slow."""
    return {"EMAIL_CONNECTIONS": str(connections), "EMAIL_TIMEOUT_S": "10"}


def queue_mails(house: House, mails: int) -> str:
    """So many mails are due; returns the domain of their recipients."""
    domain = f"crash{next(_runs)}.example.com"
    house.sql(
        """
        WITH placed AS (
            INSERT INTO commerce_order (public_id, email, name, address, language, status, total_minor, currency,
                attention_note, pay_before, ended_at, claims, errors, asked_by)
            SELECT %s || n, 'c' || n || '@' || %s, 'Ann', '', 'en', 'canceled', 450, 'EUR', '', now(), now(), 0, 0, ''
            FROM generate_series(1, %s) AS n RETURNING id, email
        )
        INSERT INTO commerce_notification (order_id, kind, recipient, recipient_name, subject, text, html, message_id,
            status, error, queued_at, send_after, claims, errors, asked_by)
        SELECT id, 'order_confirmation', email, 'Ann', 'Paid', 'Paid', '<p>Paid</p>', '<' || email || '>', 'queued', '',
            now(), now(), 0, 0, '' FROM placed
        """,
        domain.partition(".")[0],
        domain,
        mails,
    )
    return domain


def sweep(house: House) -> None:
    """What the scheduler would send."""
    house.publish("routine", {**message("send_pending_emails"), "queue_name": "routine"})


def arrived(house: House, domain: str) -> list[str]:
    """The Message-IDs that came to these recipients, from the mail server's own books."""
    return [mail.message["Message-ID"] for mail in house.mail.messages if mail.recipients[0].endswith(domain)]


def enough_arrived(house: House, domain: str, least: int) -> bool:
    """Have so many come?"""
    return len(arrived(house, domain)) >= least


def left(house: House, domain: str) -> int:
    """How many of the mails are still to be sent, by the shop's books."""
    query = "SELECT count(*) FROM commerce_notification WHERE status = 'queued' AND recipient LIKE %s"
    [(mails,)] = house.sql(query, f"%@{domain}")
    return int(mails)


def forget(house: House) -> None:
    """As if the dead worker's lease were over; its message, which would start a second batch, is lost."""
    wait_until(lambda: not house.consumers("routine"), "the broker noticed the death")
    house.purge()
    house.sql("UPDATE commerce_notification SET send_after = now() WHERE claims > 0 AND status = 'queued'")
