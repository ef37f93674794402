"""A disaster: the database is lost while the shop is busy, and comes back from a backup into a fresh cluster."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.stack.ports import wait_until
from tests.stack.postgres import Postgres
from tests.stack.rabbitmq import RabbitMQ
from tests.system.house import House, Placed

TAKEN_AT = re.compile(r"shop-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.dump$")


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[House]:
    """A house of its own, because its database will be lost."""
    with House(tmp_path) as house:
        house.run("web", "worker", "scheduler")
        yield house


@pytest.mark.campaign
def test_after_a_disaster_everything_settles_and_nothing_is_mailed_twice(doomed: House, tmp_path: Path) -> None:
    """From each side of the moment of the backup: mailed before, mailed after, paid after, paid only when the shop was
    open again, and lost altogether."""
    doomed.provider.callbacks(lose_all=True)
    mailed_before, mailed_after, paid_after, paid_at_last = (doomed.place(4) for _ in range(4))
    doomed.pay(mailed_before)
    doomed.wait_until_settled(mailed_before)
    doomed.mail.answer_with("451 come back later", times=len(mailed_after) * 2)
    doomed.pay(mailed_after)
    wait_until(lambda: paid(doomed, mailed_after) == len(mailed_after), "they were paid, and not mailed")

    backup, lost = backup_of_a_busy(doomed, tmp_path)
    doomed.pay([*paid_after, *lost])
    late = [*mailed_after, *paid_after, *lost]
    wait_until(lambda: settled_without_pauses(doomed, late) == len(late), "they were mailed as well")

    doomed.run()
    with Postgres() as postgres, RabbitMQ() as rabbitmq:
        doomed.move_to(postgres, rabbitmq, rabbitmq.url)
        restored = doomed.manage("restore", str(backup))
        assert restored.returncode == 0, restored.stderr
        told = doomed.manage("restored", "--backup-taken-at", taken_at(backup))
        assert told.returncode == 0, told.stderr

        doomed.run("web", "worker", "scheduler")
        doomed.pay(paid_at_last)
        doomed.wait_until_settled([*mailed_before, *paid_at_last])
        wait_until(lambda: paid(doomed, mailed_after + paid_after) == 8, "what was paid since was found")
        everybody = [*mailed_before, *mailed_after, *paid_after, *paid_at_last]
        doomed.assert_paid_and_mailed_once(everybody)
        assert held(doomed) >= len(paid_after) * 2, "what may have been sent waits for a person"
        doomed.run()


@pytest.mark.campaign
def test_a_running_scheduler_is_noticed(house: House) -> None:
    """In an open shop nearly every mail that waits is a new one, and none of them may be held."""
    house.run("scheduler")
    told = house.manage("restored", "--backup-taken-at", "2026-03-29T02:00:00Z")

    assert told.returncode != 0
    assert "A scheduler is running." in told.stderr


@pytest.mark.campaign
def test_what_could_not_be_asked_about_is_said(house: House) -> None:
    """A provider that is away: the shop must not be opened as if everything were known."""
    house.run("web")
    house.place(2)
    house.run()
    house.provider.outage("refuse", 60)
    try:
        told = house.manage("restored", "--backup-taken-at", "2026-03-29T02:00:00Z", "--patience-s", "3")
    finally:
        house.provider.end_outage()

    assert told.returncode != 0
    assert re.search(r"[1-9]\d* payments and refunds could not be asked about", told.stderr)


def test_backups_are_read_before_older_ones_go(house: House, tmp_path: Path) -> None:
    """A good one takes the place of those that are too old; a failure deletes nothing."""
    kept = tmp_path / "backups"
    kept.mkdir()
    old, foreign = kept / "shop-20200101T000000Z.dump", kept / "shop-by-hand.dump"
    for file in (old, foreign):
        file.write_text("x")

    nowhere = {"DATABASE_OWNER_URL": "postgres://nobody@127.0.0.1:9/shop"}
    failed = house.manage("backup", str(kept), changes=nowhere)
    assert failed.returncode != 0
    assert "pg_dump failed: " in failed.stderr
    assert {file.name for file in kept.iterdir()} == {old.name, foreign.name}

    taken = Path(house.manage("backup", str(kept), check=True).stdout.strip())
    assert {file.name for file in kept.iterdir()} == {taken.name, foreign.name}
    assert taken.stat().st_mode & 0o777 == 0o600


def test_a_drill_restores_and_leaves_nothing_behind(house: House, tmp_path: Path) -> None:
    """What came back is said; a file that is cut off, empty or no backup is refused, and so is a full database."""
    house.run("web")
    house.place(2)
    [(orders,)] = house.sql("SELECT count(*) FROM commerce_order")
    good = Path(house.manage("backup", str(tmp_path), check=True).stdout.strip())
    drilled = house.manage("restore", "--drill", str(good))
    found = rf"restored in [\d.]+ s: \d+ payments, [1-9]\d* of them open; {orders} orders, the newest of 20"
    assert re.search(found, drilled.stdout)
    assert house.sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'restore_drill%%'") == [(0,)]

    cut, empty = tmp_path / "cut.dump", tmp_path / "empty.dump"
    cut.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    empty.touch()
    for file, sentence in (
        (cut, "pg_restore failed: "),
        (empty, "pg_restore failed: "),
        (tmp_path / "gone.dump", "There is no file"),
        (good, "tables already; restore into an empty one"),
    ):
        refused = house.manage("restore", str(file))
        assert refused.returncode != 0
        assert sentence in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1


def test_a_drill_by_a_user_without_the_right_says_what_to_grant(house: House, tmp_path: Path) -> None:
    """The shop's own user, as a rule, and no traceback; a file that is not there is told of first."""
    good = house.manage("backup", str(tmp_path), check=True).stdout.strip()
    house.sql("CREATE ROLE confined")
    house.sql("GRANT CONNECT ON DATABASE shop TO confined")
    house.sql("CREATE ROLE clerk LOGIN IN ROLE confined")
    house.sql("ALTER ROLE clerk SET role = 'confined'")
    confined = {"DATABASE_OWNER_URL": house.postgres.url_of("shop", "clerk")}
    for file, sentence in ((good, "ALTER ROLE confined CREATEDB"), (f"{good}.gone", "There is no file")):
        refused = house.manage("restore", "--drill", file, changes=confined)
        assert refused.returncode == 2
        assert sentence in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
    house.sql("DROP OWNED BY confined")
    house.sql("DROP ROLE clerk, confined")


def backup_of_a_busy(house: House, directory: Path) -> tuple[Path, list[Placed]]:
    """A backup taken while customers order; returns those that are surely too late for it."""
    with ThreadPoolExecutor(1) as aside:
        crowd = aside.submit(house.place, 6, 2)
        taken = house.manage("backup", str(directory), check=True)
        crowd.result()
    return Path(taken.stdout.strip()), house.place(3)


def taken_at(backup: Path) -> str:
    """The moment in its name, as `restored` takes it."""
    found = TAKEN_AT.search(backup.name)
    assert found
    return "{}-{}-{}T{}:{}:{}Z".format(*found.groups())


def paid(house: House, orders: list[Placed]) -> int:
    """How many of the orders are paid, whatever became of their mails."""
    ids = [order.public_id for order in orders]
    return len(house.sql("SELECT 1 FROM commerce_order WHERE status = 'paid' AND public_id = ANY(%s)", ids))


def settled_without_pauses(house: House, orders: list[Placed]) -> int:
    """How many are, where no mail that was put off waits for its time, however often that was."""
    house.sql("UPDATE commerce_notification SET send_after = now() WHERE status = 'queued' AND claims = 0")
    return house.settled(orders)


def held(house: House) -> int:
    """How many mails wait for a person, because they may have been sent."""
    like = "it may have been sent: restored from a backup of 20%"
    mails = house.sql("SELECT recipient FROM commerce_notification WHERE status = 'given_up' AND error LIKE %s", like)
    return sum(Counter(mails).values())
