"""Which payments a page lists: by status, account, amount, time, and by a word that names a payment or its order.

Each list is read along an index. A condition without one (status, amount) is tried only on the first COUNTED_AT_MOST
payments that meet the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from actors.operations.queries.paging import Listing
from actors.operations.queries.times import read_time
from actors.project import project
from billing import metrics
from billing.attention import ATTENTIVE
from billing.lookup import payments_named
from billing.models import Payment
from billing.money import Money
from billing.payments.check import CHECK_QUEUE
from billing.states import OPEN_STATES, Status

WHICH: dict[str, Promise] = {
    "attention": gettext_lazy("Wait for a person"),
    "due": gettext_lazy("Due"),
    "open": gettext_lazy("Open"),
    "newest": gettext_lazy("All"),
}
SORTS = {"attention": ("-started", "started"), "due": ("due", "-due"), "open": ("started", "-started", "due", "-due")}
"""The orders that have an index, the usual one first; of all other lists `-started` and `started`."""

NAMED, REFERENCES = 1_000, 100
"""Payments that a word finds, and things to pay for, like orders."""


@dataclass(frozen=True)
class Chosen:
    """What the URL asks for, as it stands there."""

    which: str = "attention"
    word: str = ""
    status: str = ""
    account: str = ""
    amount_from: str = ""
    amount_to: str = ""
    currency: str = ""
    created_from: str = ""
    created_to: str = ""
    sort: str = ""
    page: int = 1

    @property
    def sorts(self) -> Sequence[str]:
        """The possible orders. A word finds few rows, of any list."""
        return SORTS.get("" if self.word else self.which, SORTS["attention"])

    @property
    def order(self) -> str:
        return self.sort if self.sort in self.sorts else self.sorts[0]

    @property
    def amount(self) -> str:
        """The wanted amounts as text; empty without any."""
        return f"{self._span(self.amount_from, self.amount_to)} {self.currency}".strip()

    @property
    def created(self) -> str:
        return self._span(self.created_from, self.created_to)

    @property
    def filters(self) -> str:
        """The conditions besides the list and the word, as text; empty without any."""
        return " · ".join(filter(None, (self.status, self.account, self.amount, self.created)))

    @staticmethod
    def _span(first: str, last: str) -> str:
        return f"{first} – {last}" if first or last else ""

    @property
    def is_narrow(self) -> bool:
        """Does it leave anything out?"""
        return bool(self.word or self.filters) or self.which != "newest"


@dataclass(frozen=True)
class _Base:
    """The rows to begin with, the account first in their index or not, and the conditions that this index answers."""

    rows: "QuerySet[Payment]"
    column: str = "pk"
    of_accounts: bool = False
    indexed: Q = field(default_factory=Q)


def listing(chosen: Chosen, now: datetime) -> Listing[Payment]:
    """The payments that the URL asks for. Raises ValueError, with a sentence, for a value that is not valid."""
    created, others = _created(chosen, now), _status(chosen) & _amount(chosen)
    if chosen.word:
        keys, more = _keys(chosen.word)
        found = Payment.objects.filter(created, others, _account(chosen), pk__in=keys)
        return Listing([found], descends=chosen.order.startswith("-"), leaves_out=more)
    base = _base(chosen, created, now)
    if base.indexed != created:
        others &= created
    accounts: Sequence[str] = [chosen.account] if chosen.account else metrics.accounts()
    if base.of_accounts:
        parts = [base.rows.filter(base.indexed, account=account) for account in accounts]
    else:
        parts, others = [base.rows.filter(base.indexed)], others & _account(chosen)
    whole = Listing(parts, base.column, chosen.order.startswith("-"))
    return whole.narrowed(others) if others else whole


def named(word: str, references: Sequence[str]) -> Q:
    """Payments by their own names, or by those of what they are for."""
    return payments_named(word) | Q(reference__in=references)


def _keys(word: str) -> tuple[list[int], bool]:
    """The payments that a word names, and if there are more. They are read first, in no order: a database that had to
    sort them might read the whole table in that order."""
    references = project().references(word, REFERENCES + 1)
    rows = Payment.objects.filter(named(word, references[:REFERENCES])).order_by()
    keys = list(rows.values_list("pk", flat=True)[: NAMED + 1])
    return keys[:NAMED], len(references) > REFERENCES or len(keys) > NAMED


def _base(chosen: Chosen, created: Q, now: datetime) -> _Base:
    """Each comes from one index of the table."""
    by_due = chosen.order.removeprefix("-") == "due"
    if chosen.which == "attention":
        return _Base(Payment.objects.filter(ATTENTIVE["payment"].needs_a_person))
    if chosen.which == "due":
        return _Base(CHECK_QUEUE.due(now), "next_check_at", of_accounts=True)
    if chosen.which == "open" and by_due:
        return _Base(Payment.objects.filter(next_check_at__isnull=False), "next_check_at", of_accounts=True)
    if chosen.which == "open" or chosen.status in OPEN_STATES:
        return _Base(Payment.objects.filter(next_check_at__isnull=False), "created_at", True, created)
    if chosen.account or created:
        return _Base(Payment.objects.all(), "created_at", True, created)
    return _Base(Payment.objects.all())


def _account(chosen: Chosen) -> Q:
    return Q(account=chosen.account) if chosen.account else Q()


def _status(chosen: Chosen) -> Q:
    if chosen.status and chosen.status not in Status.values:
        known = {"word": chosen.status, "statuses": ", ".join(Status.values)}
        raise ValueError(_("“%(word)s” is not a status: write one of %(statuses)s.") % known)
    return Q(status=chosen.status) if chosen.status else Q()


def _amount(chosen: Chosen) -> Q:
    """Both limits are included."""
    wanted = Q(currency=chosen.currency) if chosen.currency else Q()
    for name, limit in (("amount_minor__gte", chosen.amount_from), ("amount_minor__lte", chosen.amount_to)):
        if limit:
            wanted &= Q(**{name: _minor(limit, chosen.currency)})
    return wanted


def _minor(limit: str, currency: str) -> int:
    if not currency:
        raise ValueError(_("An amount needs a currency, like EUR."))
    try:
        return Money.parse(limit.replace(",", "."), currency).minor
    except ValueError:
        known = {"amount": limit, "currency": currency}
        raise ValueError(_("“%(amount)s %(currency)s” is not an amount: write one like 12.50 EUR.") % known) from None


def _created(chosen: Chosen, now: datetime) -> Q:
    wanted = Q()
    if chosen.created_from:
        wanted &= Q(created_at__gte=read_time(chosen.created_from, now))
    if chosen.created_to:
        wanted &= Q(created_at__lt=read_time(chosen.created_to, now, ends=True))
    return wanted
