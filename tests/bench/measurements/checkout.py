"""The checkout, from the button to the redirect, with RabbitMQ healthy, silent and dead."""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from tests.bench.lines import figure
from tests.system.house import House


def measure(var: Path, rounds: int, orders: int) -> Iterator[str]:
    """The same web process, the three brokers in turn, so that the machine's moods reach all of them alike."""
    seconds = _seconds(var, rounds, orders)
    yield f"Checkout, from the button to the redirect, {rounds} rounds of {orders} orders per broker:"
    for name, times in seconds.items():
        yield figure(f"RabbitMQ {name}", [1000 * time for time in times], "ms")
    for name in ("silent", "dead"):
        yield f"  {name} : healthy  {median(seconds[name]) / median(seconds['healthy']):.3f} (of the medians)"


def _seconds(var: Path, rounds: int, orders: int) -> dict[str, list[float]]:
    with House(var) as house:
        house.run("web")
        house.place(10)  # to warm up
        brokers: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "healthy": (_nothing, _nothing),
            "silent": (house.rabbitmq.freeze, house.rabbitmq.thaw),
            "dead": (house.rabbitmq.kill, house.rabbitmq.start),
        }
        seconds: dict[str, list[float]] = {name: [] for name in brokers}
        for _ in range(rounds):
            for name, (take_away, give_back) in brokers.items():
                take_away()
                seconds[name] += [placed.seconds for placed in house.place(orders, at_once=1)]
                give_back()
    return seconds


def _nothing() -> None:
    """Leave it as it is."""
