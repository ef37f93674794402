"""The idea of the house, on the database itself."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from django.db import connection, transaction
from django.db.models import F, Q
from pytest_django import DjangoAssertNumQueries

from billing.models import Payment
from billing.payments.check import CHECK_QUEUE
from config.due.queue import DEATHS_ALLOWED, ClaimLost, database_now
from tests.plans import plan
from tests.shop import written_payment
from tests.stack.ports import HANG_S

T = TypeVar("T")


def payments(count: int, *, due_for_s: float = 1, prefix: str = "order") -> list[Payment]:
    """Pending payments that have been due for so long, the first one for the longest time."""
    now = database_now()
    rows = [
        written_payment(
            now,
            reference=f"{prefix}-{number}",
            next_check_at=now - timedelta(seconds=due_for_s, milliseconds=count - number),
        )
        for number in range(count)
    ]
    return Payment.objects.bulk_create(rows)


def claim(payment: Payment) -> Payment:
    """Claim a row that is due."""
    claimed = CHECK_QUEUE.claim_one(payment.pk)
    assert claimed is not None
    return claimed


def claim_left_over() -> Payment:
    """Claim the row that a dead worker left."""
    claimed = CHECK_QUEUE.claim_left_over()
    assert claimed is not None
    return claimed


def in_own_connection(work: Callable[[], T]) -> T:
    """What a thread of ours does."""
    try:
        return work()
    finally:
        connection.close()


def due_time(payment: Payment) -> datetime:
    """When the row is due, as it stands in the database."""
    moment = Payment.objects.get(pk=payment.pk).next_check_at
    assert moment is not None
    return moment


def expire_leases() -> None:
    """As if everybody's lease had run out."""
    Payment.objects.update(next_check_at=F("next_check_at") - CHECK_QUEUE.lease - timedelta(seconds=1))


def test_a_claimed_row_is_not_due() -> None:
    """To claim a row is to move its due time ahead by a lease."""
    payment = payments(1)[0]
    before = database_now()

    claimed = claim(payment)

    assert CHECK_QUEUE.claim_one(payment.pk) is None
    assert before + CHECK_QUEUE.lease <= due_time(claimed) <= database_now() + CHECK_QUEUE.lease
    assert claimed.due_since == payment.next_check_at
    assert Payment.objects.get().claims == 1


def test_a_row_that_is_not_due_yet_is_not_claimed() -> None:
    """Not before its time."""
    payment = payments(1, due_for_s=-60)[0]

    assert CHECK_QUEUE.claim_one(payment.pk) is None
    assert CHECK_QUEUE.claim_batch(10) == []


def test_those_that_waited_longest_come_first() -> None:
    """A batch is taken from the end of the line."""
    rows = payments(5)

    assert [row.pk for row in CHECK_QUEUE.claim_batch(3)] == [row.pk for row in rows[:3]]
    assert [row.pk for row in CHECK_QUEUE.claim_batch(3)] == [row.pk for row in rows[3:]]


def test_many_workers_claim_every_row_once() -> None:
    """Whoever comes first has the row; nobody waits for it and nobody has it twice."""
    payments(200)
    start = threading.Barrier(4)

    def claim_all() -> list[int]:
        start.wait()
        try:
            return [row.pk for _ in range(30) for row in CHECK_QUEUE.claim_batch(7)]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        claimed = [pk for worker in [pool.submit(claim_all) for _ in range(4)] for pk in worker.result()]

    assert sorted(claimed) == sorted(Payment.objects.values_list("pk", flat=True))


@contextmanager
def locked_by_another(payment: Payment, until: threading.Event) -> Iterator[None]:
    """Somebody writes to this row, and is done when the event is set."""
    holding = threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Payment.objects.select_for_update().get(pk=payment.pk)
            holding.set()
            until.wait(9)  # a claim gives up waiting after DATABASE_LOCK_TIMEOUT_S
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        assert holding.wait(HANG_S)
        try:
            yield
        finally:
            until.set()
        held.result()


def test_rows_that_others_hold_are_passed_over() -> None:
    """A batch does not wait for a locked row; where there are no row locks there is only one writer anyway."""
    if not connection.features.has_select_for_update_skip_locked:
        return
    locked, free = payments(2)
    with locked_by_another(locked, threading.Event()):
        claimed = CHECK_QUEUE.claim_batch(10)

    assert [row.pk for row in claimed] == [free.pk]


def test_a_row_that_was_asked_for_is_waited_for() -> None:
    """Whoever settles the payment's last event locks it for a moment, and the nudge about it would be lost."""
    [payment] = payments(1)
    done = threading.Event()
    with locked_by_another(payment, done), ThreadPoolExecutor(1) as pool:
        claiming = pool.submit(in_own_connection, lambda: CHECK_QUEUE.claim_one(payment.pk))
        assert not wait([claiming], 0.3).done
        done.set()

        claimed = claiming.result(HANG_S)

    assert claimed is not None
    assert claimed.claims == 1


def test_a_dead_worker_costs_one_lease() -> None:
    """Nobody has to notice: the row comes due again, and is known to be left over."""
    payment = payments(1)[0]
    claim(payment)
    expire_leases()

    assert CHECK_QUEUE.claim_batch(10) == []
    assert claim_left_over().claims == 2


def test_who_lost_the_claim_cannot_write() -> None:
    """The lease is the fencing token."""
    payment = payments(1)[0]
    slow = claim(payment)
    expire_leases()
    claim(payment)

    with pytest.raises(ClaimLost), CHECK_QUEUE.holding(slow):
        raise AssertionError("must not get here")


def test_who_lost_the_claim_cannot_snooze_either() -> None:
    """The statement that answers for many rows looks at each row's token."""
    first, second = payments(2)
    slow = CHECK_QUEUE.claim_batch(2)
    Payment.objects.filter(pk=first.pk).update(next_check_at=database_now())
    other = claim(first)
    later = database_now() + timedelta(hours=1)

    assert CHECK_QUEUE.snooze_all(slow, [later, later]) == 1

    assert due_time(first) == other.next_check_at
    assert due_time(second) == later


def test_an_outcome_clears_what_the_claim_counted() -> None:
    """Snooze counts nothing; put off counts a consecutive error; done leaves no appointment."""
    payment = payments(1)[0]
    with CHECK_QUEUE.holding(claim(payment)) as held:
        CHECK_QUEUE.put_off(held, timedelta(0))
        held.save()
    assert (held.claims, held.errors) == (0, 1)

    with CHECK_QUEUE.holding(claim(payment)) as held:
        CHECK_QUEUE.put_off(held, timedelta(0))
        held.save()
    assert (held.claims, held.errors) == (0, 2)

    with CHECK_QUEUE.holding(claim(payment)) as held:
        CHECK_QUEUE.snooze(held, timedelta(hours=1))
        held.save()
    assert (held.claims, held.errors) == (0, 0)


def test_asking_for_a_look_makes_a_row_due() -> None:
    """Who asked is known to the next look, and only to that one."""
    payment = payments(1, due_for_s=-60)[0]

    assert CHECK_QUEUE.make_due(Q(pk=payment.pk), "callback") == 1

    assert claim(payment).asked_by == "callback"
    assert Payment.objects.get().asked_by == ""


def test_asking_while_somebody_looks_takes_nothing_away() -> None:
    """The look goes on and writes its outcome; the row is due again at once after that."""
    payment = payments(1)[0]
    claimed = claim(payment)

    CHECK_QUEUE.make_due(Q(pk=payment.pk), "callback")
    assert CHECK_QUEUE.claim_one(payment.pk) is None
    assert CHECK_QUEUE.snooze_all([claimed], [database_now() + timedelta(hours=1)]) == 1

    assert claim(payment).asked_by == "callback"


def test_asking_about_a_row_that_is_overdue_does_not_send_it_to_the_end_of_the_line() -> None:
    """Waiting time is kept."""
    payment = payments(1, due_for_s=60)[0]

    CHECK_QUEUE.make_due(Q(pk=payment.pk), "callback")

    assert Payment.objects.get().next_check_at == payment.next_check_at


def test_a_row_that_kills_its_workers_is_told_apart() -> None:
    """Claims are counted before the work starts, so even SIGKILL leaves a trace."""
    payment = payments(1)[0]
    claim(payment)
    for _ in range(DEATHS_ALLOWED):
        expire_leases()
        left_over = claim_left_over()

    assert left_over.died_too_often


def test_a_failing_row_holds_up_no_other() -> None:
    """It is logged, stays claimed, and comes due again after its lease."""
    rows = payments(3)
    worked_on = []

    def work(row: Payment) -> None:
        if row.pk == rows[1].pk:
            raise ValueError("a bug")
        worked_on.append(row.pk)

    assert CHECK_QUEUE.work_off(10, work) == 3
    assert worked_on == [rows[0].pk, rows[2].pk]
    assert Payment.objects.get(pk=rows[1].pk).claims == 1


def test_what_a_dead_worker_left_is_worked_off_in_one_go() -> None:
    """One after the other, each claimed when it is its turn; a sweep a row would take minutes for a batch."""
    rows = payments(5)
    Payment.objects.update(claims=1)
    in_hand = []

    assert CHECK_QUEUE.work_off(10, lambda row: in_hand.append((row.pk, Payment.objects.filter(claims=2).count()))) == 5

    assert [pk for pk, _ in in_hand] == [row.pk for row in rows]
    assert [claimed for _, claimed in in_hand] == [1, 2, 3, 4, 5]


def test_a_claim_costs_three_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """However many rows it brings: the clock (SQLite's is our own), the rows, the lease; and the transaction's two."""
    payments(50)

    with django_assert_num_queries(5 if connection.vendor == "postgresql" else 4):
        CHECK_QUEUE.claim_batch(50)


def test_finding_due_rows_reads_an_index() -> None:
    """The partial index mirrors the query, so the length of the table does not matter."""
    assert "payment_due" in plan(CHECK_QUEUE.due(database_now()).filter(account="sandbox", claims=0)[:50])
