"""Compares one day of one account in both directions.

* Each payment that the provider lists is looked up here, by its id, or by our reference if we never learned the id.
* Each payment that we made that day and the provider did not list is read there, one by one. So a payment made around
  midnight does not differ, and a provider without a list is still compared, from our side only.
* Each refund and dispute that the provider lists on that day leads to its payment, however old it is.

Only one page of payments is in memory, and one bit for each payment seen. Every step prolongs the claim on the day, and
writes only while the claim holds.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from billing import lookup
from billing.errors import BadAnswer, NotOffered
from billing.limits import permits
from billing.models import AskedBy, Difference, Dispute, Payment, ProviderId, Reconciliation
from billing.models.reconciliation import STANDING
from billing.payments import service as payments
from billing.providers import provider_of
from billing.providers.base import Movement, PaymentSnapshot, Provider
from billing.reconciliation import differences
from billing.reconciliation.compare import Discrepancy, unknown
from billing.states import Status
from config.due import shutting_down
from config.due.queue import Due, database_now
from config.formats import DAY

T = TypeVar("T")

log = logging.getLogger(__name__)

RECONCILIATION_QUEUE = Due(Reconciliation, "reconcile_after", lease=timedelta(minutes=10))
"""A step (a page of a list, or ASKED_AT_ONCE requests) takes a fraction of the lease, even at a slow provider."""

LISTED_AT_ONCE = 100
ASKED_AT_ONCE = 20
KEYS_AT_ONCE = 1_000

BITS = 4096
"""Keys in one block of a KeySet."""

Progress = Callable[[int], None]
"""Called with the number of payments compared so far."""


class Ending(Exception):
    """This process shuts down, and the day is not finished."""


class ReconciledDay:
    """One comparison of one day; it counts on the run's row."""

    def __init__(self, run: Reconciliation, progress: Progress) -> None:
        self._run, self._progress = run, progress
        self.started = database_now()
        self._seen = KeySet()
        run.there = run.here = run.foreign = run.unreadable = 0
        run.listed = True

    def compare(self) -> None:
        """Compare the provider's list first, then our payments that it does not contain, then what moved that day."""
        provider = provider_of(self._run.account)
        try:
            for answers in self._list(provider.payments_between):
                self._step(self._compare_listed(answers))
        except NotOffered:
            self._run.listed = False
        for unlisted in _in_batches(self._unlisted(), ASKED_AT_ONCE):
            self._step([found for payment in unlisted for found in self._ask_about(payment)])
        self._follow_movements(provider)
        # Both sides agree now on what stood and was not found again.
        stood = self._run.differences.filter(state__in=STANDING, last_found_at__lt=self.started)
        stood.update(state=Difference.State.MENDED)

    def mend(self) -> None:
        """Check again what a check may settle; states first, for refunds can be compared only after a success here."""
        differing = self._run.differences.filter(state=Difference.State.OPEN).select_related("payment")
        for difference in sorted(differing, key=lambda each: each.kind != Difference.Kind.STATUS):
            self._step([])
            differences.mend(difference)

    def _step(self, found: list[Discrepancy]) -> None:
        """Prolong the claim, and write while it holds."""
        if shutting_down.is_set():
            raise Ending
        with transaction.atomic(using=RECONCILIATION_QUEUE.database):
            RECONCILIATION_QUEUE.prolong(self._run)
            differences.note(self._run, found)
        self._progress(max(self._run.there, self._run.here))

    def _list(self, listed: Callable[[datetime, datetime], Iterator[T | BadAnswer]]) -> Iterator[list[T]]:
        """The provider's list in batches: each is about one page, so about one call. An unreadable row is counted."""
        rows = listed(*bounds(self._run.day))
        while True:
            with permits.guard(self._run.account):
                batch = list(islice(rows, LISTED_AT_ONCE))
            if not batch:
                return
            yield [row for row in batch if not isinstance(row, BadAnswer)]
            for row in batch:
                if isinstance(row, BadAnswer):
                    self._run.unreadable += 1
                    log.warning("reconciliation.unreadable", extra={"account": self._run.account, "error": str(row)})

    def _follow_movements(self, provider: Provider) -> None:
        """The payments, of any age, to which a refund or a dispute of that day belongs come due, and those with an
        undecided dispute: their check writes what it finds.
        """
        with suppress(NotOffered):
            for movements in self._list(provider.movements_between):
                self._step([])
                for movement, payment in self._news_of(movements):
                    payments.check_now(payment, AskedBy.RECONCILIATION)
                    lookup.remember(payment, [movement.provider_ref])
        if database_now() - bounds(self._run.day)[1] > DAY:
            return  # the newest day of each night is enough
        for dispute in Dispute.objects.filter(account=self._run.account, ended_at=None).select_related("payment"):
            self._step([])
            payments.check_now(dispute.payment, AskedBy.RECONCILIATION)

    def _news_of(self, movements: list[Movement]) -> Iterator[tuple[Movement, Payment]]:
        """Movements that we have not looked at yet, with the payment here; those of others have none."""
        refs = [each.provider_ref for each in movements]
        seen = set(ProviderId.objects.filter(account=self._run.account, ref__in=refs).values_list("ref", flat=True))
        for movement in movements:
            if movement.provider_ref not in seen:
                payment = lookup.at_provider(self._run.account, movement.refs, movement.reference)
                if payment is not None:
                    yield movement, payment

    def _compare_listed(self, answers: list[PaymentSnapshot]) -> list[Discrepancy]:
        by_ref, by_reference = self._known_here(answers)
        by_part = self._by_part(answers)
        found, not_ours = [], []
        for answer in answers:
            payment = by_ref.get(answer.provider_ref) or by_reference.get(answer.reference)
            if payment is None and answer.provider_ref in by_part:
                payment = by_part[answer.provider_ref]
                answer = replace(answer, provider_ref=payment.provider_ref)
            if payment is None:
                not_ours.append(answer)
            else:
                self._seen.add(payment.pk)
                self._learn_id(payment, answer)
                found += self._ask_about(payment) if answer.is_partial else differences.between(payment, answer)
        self._run.there += len(answers)
        return found + self._unknown(not_ours)

    def _known_here(self, answers: list[PaymentSnapshot]) -> tuple[dict[str, Payment], dict[str, Payment]]:
        """Our payments by the provider's id, and by reference where we do not know the id; in one query."""
        ours = differences.with_refunds(
            Payment.objects.filter(
                Q(provider_ref__in=[answer.provider_ref for answer in answers])
                | Q(reference__in=[answer.reference for answer in answers]),
                account=self._run.account,
            )
        ).order_by("pk")
        rows = list(ours)
        by_ref = {payment.provider_ref: payment for payment in rows if payment.provider_ref}
        return by_ref, {payment.reference: payment for payment in rows if not payment.provider_ref}

    def _learn_id(self, payment: Payment, answer: PaymentSnapshot) -> None:
        """An operator may have confirmed a payment whose id we never learned. Others learn it by their check."""
        if payment.status == Status.SUCCEEDED and not payment.provider_ref:
            payment.provider_ref = answer.provider_ref
            Payment.objects.filter(pk=payment.pk, provider_ref="").update(provider_ref=answer.provider_ref)

    def _by_part(self, answers: list[PaymentSnapshot]) -> dict[str, Payment]:
        """Our payments by the id of a part, for rows that name only that: it is known here, or has our reference."""
        found = {}
        for answer in answers:
            if answer.provider_ref in answer.refs:
                payment = lookup.at_provider(self._run.account, answer.refs, answer.reference)
                if payment is not None and payment.provider_ref:
                    found[answer.provider_ref] = differences.with_refunds(Payment.objects.filter(pk=payment.pk)).get()
        return found

    def _unknown(self, answers: list[PaymentSnapshot]) -> list[Discrepancy]:
        """In a shared account, a payment without a reference of ours belongs to others: it is counted, not parked."""
        found = [each for answer in answers if (each := unknown(answer))]
        if self._run.account not in settings.RECONCILIATION_SHARED_ACCOUNTS:
            return found
        ours = Payment.objects.filter(reference__in=[each.reference for each in found])
        references = set(ours.values_list("reference", flat=True))
        own = [each for each in found if each.reference in references]
        self._run.foreign += len(found) - len(own)
        return own

    def _unlisted(self) -> Iterator[Payment]:
        """Our payments of that day that were not listed. Those without a provider id brought no money."""
        rows = Payment.objects.filter(made_on(self._run.account, self._run.day)).order_by("pk")
        last = 0
        while page := list(rows.filter(pk__gt=last).values_list("pk", "provider_ref")[:KEYS_AT_ONCE]):
            last = page[-1][0]
            self._run.here += len(page)
            unseen = [key for key, provider_ref in page if provider_ref and key not in self._seen]
            if unseen:
                yield from differences.with_refunds(rows.filter(pk__in=unseen))

    def _ask_about(self, payment: Payment) -> list[Discrepancy]:
        return differences.between(payment, differences.ask(payment.account, payment.provider_ref))


class KeySet:
    """A small set of row keys: the keys of one day are close together, so each takes one bit.

    125 kB for a million consecutive keys; a Python set takes 60 MB.

    >>> keys = KeySet()
    >>> keys.add(7)
    >>> (7 in keys, 8 in keys, 7 + BITS in keys)
    (True, False, False)
    """

    def __init__(self) -> None:
        self._blocks: defaultdict[int, bytearray] = defaultdict(lambda: bytearray(BITS // 8))

    def add(self, key: int) -> None:
        block, bit = divmod(key, BITS)
        self._blocks[block][bit // 8] |= 1 << bit % 8

    def __contains__(self, key: int) -> bool:
        block, bit = divmod(key, BITS)
        return block in self._blocks and bool(self._blocks[block][bit // 8] >> bit % 8 & 1)


def bounds(day: date) -> tuple[datetime, datetime]:
    """The first moment of the day in UTC, and the first one after it."""
    start = datetime.combine(day, time.min, tzinfo=UTC)
    return start, start + timedelta(days=1)


def made_on(account: str, day: date) -> Q:
    """Our payments of this account and day (in UTC)."""
    start, end = bounds(day)
    return Q(account=account, created_at__gte=start, created_at__lt=end)


def _in_batches(each: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(each)
    while batch := list(islice(iterator, size)):
        yield batch
