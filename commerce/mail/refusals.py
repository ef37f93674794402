"""Tells a mail that the server refuses from a server that refuses every mail."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta

from commerce.mail import smtp
from commerce.models import Notification
from config.due.queue import database_now

SAME_REFUSALS = 3
"""The same final refusal of mails to this many recipients in a row is no longer about the mails."""

REFUSED_FOR = timedelta(days=2)
"""A mail is tried for so long although the server refuses it for good and accepts others."""

Kind = tuple[type[OSError], int, tuple[int, int, int]]
"""The stage and the codes of a refusal."""


@dataclass
class Streak:
    """The final refusals of one kind since this process last had another outcome: one mail for each recipient."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kind: Kind | None = None
    _mails: dict[str, int] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """True if the server refuses every mail, as far as we know."""
        return len(self._mails) >= SAME_REFUSALS

    def would_be_complete(self, mail: Notification, error: OSError) -> bool:
        """True if this refusal is not about its mail. Ask before the outcome is written."""
        with self._lock:
            same = self._mails.keys() if self._kind == _kind_of(error) else set()
            return len({*same, mail.recipient}) >= SAME_REFUSALS

    def add(self, mail: Notification, error: OSError) -> list[int]:
        """Add a refusal whose outcome is written; returns the mails that it clears, this one included."""
        with self._lock:
            if self._kind != _kind_of(error):
                self._kind, self._mails = _kind_of(error), {}
            if not self.is_complete:
                self._mails[mail.recipient] = mail.pk
            return [*self._mails.values(), mail.pk] if self.is_complete else []

    def end(self) -> None:
        """The server has accepted a mail."""
        with self._lock:
            self._kind, self._mails = None, {}


streak = Streak()


def refused_too_long(mail: Notification) -> bool:
    """True after REFUSED_FOR, if the server accepted younger mails in both halves of it: then it works."""
    now, half = database_now(), REFUSED_FOR / 2
    if mail.refused_since is None or now - mail.refused_since < REFUSED_FOR:
        return False
    accepted = Notification.objects.filter(pk__gt=mail.pk, status=Notification.Status.SENT)
    return all(accepted.filter(sent_at__gt=until - half, sent_at__lte=until).exists() for until in (now, now - half))


def _kind_of(error: OSError) -> Kind:
    return type(error), smtp.code_of(error), smtp.status_of(error)
