"""What may stop in a house, the alert that must tell of it, and how it goes on again."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.system.house import House

OUTAGE_S = 3_600.0
"""Longer than any drill; it is ended by hand."""


@dataclass(frozen=True)
class Stall:
    """One part stops. `breaks` and `mends` are what happens to it."""

    part: str
    how: str
    alert: str
    breaks: Callable[[House], object]
    mends: Callable[[House], object]


def killed(part: str, alert: str) -> Stall:
    """One of our own processes ends at once, and is started again."""
    return Stall(part, "killed", alert, lambda house: house.part(part).kill(), lambda house: house.start(part))


def frozen(part: str, alert: str) -> Stall:
    """One of our own processes lives and does nothing: its connections stay open, and nobody answers."""
    return Stall(part, "frozen", alert, lambda house: house.part(part).freeze(), lambda house: house.part(part).thaw())


def away(how: str) -> Stall:
    """The provider does not answer as it should."""
    return Stall(
        "provider",
        how,
        "ProviderAway",
        lambda house: house.provider.outage(how, OUTAGE_S),
        lambda house: house.provider.end_outage(),
    )


STALLS = (
    killed("worker", "WorkersGone"),
    frozen("worker", "WorkersGone"),
    killed("scheduler", "SchedulersGone"),
    frozen("scheduler", "ScheduleLate"),
    Stall("broker", "killed", "BrokerUnreachable", lambda h: h.rabbitmq.kill(), lambda h: h.rabbitmq.start()),
    Stall("broker", "frozen", "BrokerUnreachable", lambda h: h.rabbitmq.freeze(), lambda h: h.rabbitmq.thaw()),
    Stall("database", "killed", "DatabaseAway", lambda h: h.postgres.kill(), lambda h: h.postgres.start()),
    Stall("database", "frozen", "DatabaseAway", lambda h: h.postgres.freeze(), lambda h: h.postgres.thaw()),
    Stall("mail", "stopped", "MailServerAway", lambda h: h.mail.stop(), lambda h: h.mail.start()),
    Stall("mail", "hangs", "MailServerAway", lambda h: h.mail.hang(OUTAGE_S, times=None), lambda h: h.mail.clear()),
    away("refuse"),
    away("hang"),
    Stall(
        "callbacks",
        "lost",
        "CallbacksLost",
        lambda house: house.provider.callbacks(lose_all=True),
        lambda house: house.provider.callbacks(),
    ),
)
