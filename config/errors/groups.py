"""How often an error is told: at most so many mails an hour for each group, and nothing is silently left out."""

from dataclasses import dataclass, field

from config.errors.happened import Group, Happened

WINDOW_S = 3600.0

GROUPS = 200
"""So many kinds of errors are told apart; what comes on top of them in an hour is one more, `others`."""

OTHERS = Group("others", "errors", "many places")


@dataclass(frozen=True)
class Telling:
    """One mail: the last of the errors it tells of, and how many more there were that no mail told of."""

    error: Happened
    group: Group
    left_out: int


@dataclass
class _Count:
    began: float
    told: int = 0
    left_out: int = 0
    last: Happened | None = None


@dataclass
class Groups:
    """Counts errors by group; `now` is any clock in seconds that never goes back."""

    per_hour: int
    _counts: dict[Group, _Count] = field(default_factory=dict)

    def take(self, error: Happened, now: float) -> Telling | None:
        """Count it; returns what is to be told at once, None if its group has had its mails."""
        group = error.group if error.group in self._counts or len(self._counts) < GROUPS else OTHERS
        count = self._counts.setdefault(group, _Count(now))
        if count.told >= self.per_hour:
            count.left_out, count.last = count.left_out + 1, error
            return None
        count.told += 1
        telling = Telling(error, group, count.left_out)
        count.left_out = 0
        return telling

    def put_back(self, telling: Telling, now: float) -> None:
        """It could not be told: it is one of those that no mail told of, and its group has a mail more to come."""
        count = self._counts.setdefault(telling.group, _Count(now))
        count.told = max(0, count.told - 1)
        count.left_out, count.last = count.left_out + telling.left_out + 1, telling.error

    def overdue(self, now: float) -> list[Telling]:
        """Of each group whose hour is over: what was left out in it. The group begins anew."""
        over = [(group, count) for group, count in self._counts.items() if now - count.began >= WINDOW_S]
        for group, _ in over:
            del self._counts[group]
        return [
            Telling(count.last, group, count.left_out - 1) for group, count in over if count.last and count.left_out
        ]
