"""A house with a bit of everything, watched by Prometheus, so that no panel is empty."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack.prometheus import Prometheus
from tests.system.customers import LEAVE, customers
from tests.system.house import House

PARTS = ("web", "worker", "scheduler")

BUYERS = ("pay", "pay", "cancel", LEAVE, "pay", "decline", "pay")
"""What one customer after the other does on the provider's page; the fourth leaves, and is asked about for long."""

PAUSE_S = 0.5

REFUND = """
from uuid import uuid4
from billing import refunds
from billing.models import Payment
for payment in Payment.objects.filter(status="succeeded", refunds_minor=0)[:3]:
    refunds.start(payment.pk, None, wanted_by="sam", why="broken on arrival", key=uuid4().hex)
"""


@contextmanager
def busy_house() -> Iterator[tuple[House, Prometheus]]:
    """Everything runs, customers come and go, and Prometheus asks every second."""
    with tempfile.TemporaryDirectory() as directory, House(Path(directory)) as house:
        house.run(*PARTS)
        targets = {part: house.metrics_address(part) for part in PARTS}
        targets["rabbitmq"] = house.rabbitmq.prometheus_url.split("/")[2]
        with Prometheus(targets) as prometheus, customers(house, BUYERS, PAUSE_S):
            make_trouble(house)
            yield house, prometheus


def make_trouble(house: House) -> None:
    """Each kind once: lost callbacks, a forged one, wrong money, refunds, a dead letter."""
    lost, wrong = house.place(3), house.place(1)
    house.provider.callbacks(lose_all=True)
    house.pay(lost)
    house.wait_until_settled(lost)
    house.provider.callbacks()
    house.provider.forge(wrong[0].provider_ref)
    house.provider.force(wrong[0].provider_ref, "succeeded", amount={"value": "1.00", "currency": "EUR"})
    house.manage("shell", "-c", REFUND, check=True)
    house.publish("routine", b"no message of ours")
