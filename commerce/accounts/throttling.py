"""Tries at passwords and at mails are counted in the database, and each wait is longer than the one before.

A try counts before its password is checked, under a lock, so parallel guesses do not pass the limit. A name counts in
the same way whether or not it has an account.

A browser that has logged in before has a counter of its own. So a stranger who guesses slows down other strangers, and
not the account's owner ("Slow Down Online Guessing Attacks with Device Cookies", OWASP).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from commerce.accounts import devices
from commerce.models import Throttle
from config.due.queue import database_now
from config.web.networks import network_key

SALT = "commerce.accounts.throttling"


class Throttled(Exception):
    """Refused: try again in `wait_s` seconds."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"wait {wait_s} s")
        self.wait_s = wait_s


@dataclass(frozen=True)
class Limit:
    """`free` tries in a row, then waits that double from `first_wait` to `longest_wait`, and none after `most` tries.

    All is forgotten once there was no try for `forgotten_after`.
    """

    free: int
    first_wait: timedelta
    longest_wait: timedelta
    forgotten_after: timedelta
    most: int | None = None

    def wait(self, tries: int) -> timedelta:
        """How long the next try must wait after so many.

        >>> [str(ACCOUNT[Purpose.LOG_IN].wait(tries)) for tries in (4, 5, 6, 7, 49, 50)]
        ['0:00:00', '0:00:02', '0:00:04', '0:00:08', '1:00:00', '30 days, 0:00:00']
        """
        if self.most and tries >= self.most:
            return self.forgotten_after
        if tries < self.free:
            return timedelta()
        doubled: timedelta = self.first_wait * 2 ** min(tries - self.free, 20)
        return min(doubled, self.longest_wait)


class Purpose(StrEnum):
    """What is tried."""

    LOG_IN = "log_in"
    MAIL = "mail"


SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

ACCOUNT: Mapping[Purpose, Limit] = {
    # NIST SP 800-63B-4, 3.2.2 allows 100 failures in a row; OWASP ASVS 5.0.0, 6.3.1 asks for a limit. Half of the 100,
    # because each known browser has a counter of its own. After the last one a new password opens the account.
    Purpose.LOG_IN: Limit(5, 2 * SECOND, HOUR, 30 * DAY, most=50),
    # A mail may be slow or in the wrong folder, so a person asks again; a stranger must not fill a mailbox.
    Purpose.MAIL: Limit(3, MINUTE, DAY, DAY),
}
"""By account, or by browser if the browser is known."""

NETWORK: Mapping[Purpose, Limit] = {
    # Many people may share an address (RFC 6269), so it is never closed, and a log-in that succeeds counts no more.
    Purpose.LOG_IN: Limit(20, 2 * SECOND, 15 * MINUTE, DAY),
    Purpose.MAIL: Limit(20, MINUTE, HOUR, DAY),
}

KEPT = max(limit.forgotten_after for limits in (ACCOUNT, NETWORK) for limit in limits.values())
"""Rows without a try for this long say nothing any more."""


def admit(request: HttpRequest, purpose: Purpose, name: str) -> None:
    """Count a try for this account. Raises Throttled, and counts nothing, if it comes too early."""
    limits = _counted(request, purpose, name)
    with transaction.atomic():
        rows = _locked(limits)
        now = database_now()  # after the lock: tries that it waited for have their waits from then on
        wait_s = ceil(max((row.wait_until - now).total_seconds() for row in rows))
        if wait_s > 0:
            raise Throttled(wait_s)
        for row in rows:
            _count(row, limits[row.key], now)


def take_back(request: HttpRequest, purpose: Purpose, name: str) -> None:
    """The try was not carried out, so it counts for nothing."""
    _uncount(list(_counted(request, purpose, name)))


def succeeded(request: HttpRequest, name: str) -> None:
    """A log-in with the right password: the counter that it stood on begins again, and its network has one try less."""
    own, *shared = _counted(request, Purpose.LOG_IN, name)
    Throttle.objects.filter(key=own).delete()
    _uncount(shared)


def reopen(name: str) -> None:
    """The account has a new password: earlier guesses by strangers say nothing about it."""
    Throttle.objects.filter(key=_key(Purpose.LOG_IN, "account", devices.normal(name))).delete()


def _counted(request: HttpRequest, purpose: Purpose, name: str) -> dict[str, Limit]:
    """The counters of a try, with their limits. A known browser's network does not count: others may share it."""
    if device := devices.known(request, name):
        return {_key(purpose, "device", device): ACCOUNT[purpose]}
    counted = {_key(purpose, "account", devices.normal(name)): ACCOUNT[purpose]}
    if network := network_key(request):
        counted[_key(purpose, "network", network)] = NETWORK[purpose]
    return counted


def _key(purpose: Purpose, kind: str, what: str) -> str:
    return salted_hmac(SALT, f"{purpose} {kind} {what}", algorithm="sha256").hexdigest()


def _locked(limits: Mapping[str, Limit]) -> list[Throttle]:
    """The rows, made where there are none. The write locks them, in the order of their keys."""
    rows = [Throttle(key=key, tried_at=Now(), wait_until=Now()) for key in sorted(limits)]
    Throttle.objects.bulk_create(rows, update_conflicts=True, unique_fields=["key"], update_fields=["key"])
    return list(Throttle.objects.filter(key__in=limits))


def _count(row: Throttle, limit: Limit, now: datetime) -> None:
    row.tries = 1 if now - row.tried_at >= limit.forgotten_after else row.tries + 1
    row.tried_at, row.wait_until = now, now + limit.wait(row.tries)
    row.save(update_fields=["tries", "tried_at", "wait_until"])


def _uncount(keys: list[str]) -> None:
    """The wait that the try has caused ends too."""
    tried = Throttle.objects.filter(key__in=keys, tries__gt=0)
    tried.order_by().update(tries=F("tries") - 1, wait_until=F("tried_at"))
