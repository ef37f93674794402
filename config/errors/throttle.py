"""Limits the mails per hour about each kind of error. No error is left out silently: the next mail counts them."""

from dataclasses import dataclass, field

from config.errors.report import ErrorReport, Group

WINDOW_S = 3600.0

GROUPS = 200
"""Kinds of errors counted separately per hour. Further kinds count together, as `OTHERS`."""

OTHERS = Group("others", "errors", "many places")


@dataclass(frozen=True)
class Notice:
    """One mail: the last error of its kind, and the number of further ones since the last mail."""

    group: Group
    report: ErrorReport
    left_out: int


@dataclass
class _Count:
    began: float
    last: ErrorReport
    waiting: int = 0
    sent: int = 0


@dataclass
class Throttle:
    """Counts errors by kind; `now` is a clock in seconds that never goes back."""

    per_hour: int
    _counts: dict[Group, _Count] = field(default_factory=dict)

    def add(self, report: ErrorReport, now: float) -> None:
        """Count an error."""
        group = report.group if report.group in self._counts or len(self._counts) < GROUPS else OTHERS
        count = self._counts.setdefault(group, _Count(now, report))
        count.last, count.waiting = report, count.waiting + 1

    def ready(self, now: float) -> list[Notice]:
        """The mails to send now. The hour of a kind begins with its first error."""
        for group, count in list(self._counts.items()):
            if now - count.began >= WINDOW_S:
                if count.waiting:
                    count.began, count.sent = now, 0
                else:
                    del self._counts[group]
        return [
            self._taken(group, count)
            for group, count in self._counts.items()
            if count.waiting and count.sent < self.per_hour
        ]

    def put_back(self, notice: Notice) -> None:
        """The mail could not be sent: its errors wait for the next one."""
        count = self._counts[notice.group]
        count.waiting, count.sent = count.waiting + notice.left_out + 1, count.sent - 1

    def _taken(self, group: Group, count: _Count) -> Notice:
        notice = Notice(group, count.last, count.waiting - 1)
        count.waiting, count.sent = 0, count.sent + 1
        return notice
