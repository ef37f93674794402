"""A shop, its provider and its mail server, for one run of the machine, and what may happen to all of them."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from typing import Any

import dramatiq
from pytest_django import Settings

from billing.callbacks import inbox
from billing.limits import breaker
from billing.models import (
    AccountState,
    Callback,
    Difference,
    Dispute,
    Payment,
    PaymentEvent,
    ProviderId,
    Reconciliation,
    Refund,
)
from billing.payments import service as payments
from billing.payments import sweep
from billing.payments.check import CHECK_QUEUE, CheckResult
from billing.providers import provider_of
from billing.reconciliation import runs
from billing.refunds.follow import REFUND_QUEUE
from billing.sandbox import SandboxServer
from billing.sandbox.payment import Payment as TheirPayment
from commerce import orders
from commerce.mail.queue import MAIL_QUEUE
from commerce.models import Cart, Notification, Order, OrderEvent, OrderLine, Product
from commerce.orders import EXPIRY_QUEUE
from commerce.settlement import SETTLEMENT_QUEUE
from config.due.queue import Due, DueRow, database_now
from config.messaging.nudges import publisher
from tests.money import books
from tests.money.clock import let_time_pass
from tests.shop import CUSTOMER, Shop, sandbox_account, signed
from tests.stack.mail import MailServer

STOCK = 5
"""Few enough to sell out, so that late money does not always find what it was for."""

KINDS: dict[str, Due[Any]] = {
    "payments": CHECK_QUEUE,
    "refunds": REFUND_QUEUE,
    "callbacks": inbox.CALLBACK_QUEUE,
    "settlements": SETTLEMENT_QUEUE,
    "expiries": EXPIRY_QUEUE,
    "mails": MAIL_QUEUE,
}

BUGS = {"work.failed", "payment.not_recorded", "provider.adapter_failed", "payment_link.failed"}
"""What the log says where something went wrong that nothing of this should bring about."""

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(eq=False)
class Claimed:
    """A row in the hands of a worker, who is slow, or dead, with what the provider told of it."""

    kind: str
    row: DueRow
    found: Any

    def let_time_pass(self, gap: timedelta) -> None:
        """The provider was asked so much longer ago."""
        if isinstance(self.found, CheckResult):
            self.found = replace(self.found, asked_at=self.found.asked_at - gap)


class World:
    """Made for one example, and closed with it."""

    def __init__(self, settings: Settings, mail: MailServer, stock: int = STOCK) -> None:
        self.sandbox = SandboxServer().start()
        self.sandbox.callbacks(lose_all=True)
        settings.PAYMENT_ACCOUNTS = {"sandbox": sandbox_account(self.sandbox)}
        self.settings, self.shop = settings, Shop(self.sandbox)
        self.mail, self._mails_before = mail, len(mail.messages)
        self.by_hand: set[str] = set()
        self.taken_up: set[str] = set()
        self.claimed: list[Claimed] = []
        self._posts = 0
        self._bugs = _Bugs()
        _forget_everything()
        self.restart()
        self.product = self.shop.product(stock=stock)

    def close(self) -> None:
        """The rows stay until the next world begins."""
        self._bugs.close()
        self.sandbox.stop()
        self.restart()

    def books(self) -> books.Books:
        """As they stand now."""
        return books.read(self.sandbox, self.product, self.by_hand, self.taken_up)

    def place(self, quantity: int) -> Payment:
        """A customer orders, and is not yet sent to the provider. Raises CannotOrder."""
        customer = replace(CUSTOMER, email=f"ann{Order.objects.count()}@example.com")
        return orders.place(self.shop.cart(self.product, quantity=quantity), customer)[1]

    def introduce(self, payment: Payment, trouble: str = "") -> Payment:
        """The customer is sent to the provider, whose answer may go wrong."""
        if trouble:
            self.sandbox.fault("create", trouble, times=1)
        return payments.introduce(payment)

    def post(
        self, their: TheirPayment, event: str, secret: str = "", number: int | None = None, part: str = ""
    ) -> None:
        """The provider's callback arrives; the same number again is a repeat of the same callback.

        `part` is the id of the refund or dispute that it is about.
        """
        self._posts += 1
        about: dict[str, object] = {"payment": {"id": their.id, "reference": their.reference}}
        if part:
            about[event.partition(".")[0]] = {"id": part}
        body = json.dumps({"id": f"evt_{number or self._posts}", "type": event, **about}).encode()
        inbox.receive("sandbox", signed(body, secret) if secret else signed(body))

    def process_callbacks(self) -> None:
        """A callback is a reason to look now: an open payment is due then, or will be when somebody lets go of it."""
        waiting = list(Callback.objects.filter(process_after__lte=database_now()).values_list("pk", flat=True))
        inbox.process_due()
        for done in Callback.objects.filter(pk__in=waiting, outcome="looked").select_related("payment"):
            payment = done.payment
            assert payment, "it was looked at, and nobody knows which"
            assert payment.asked_by or not payment.is_open, f"{payment} was not asked for"

    def reconcile(self) -> None:
        """A day passes, and it and all days on which something was made are compared with the provider's list."""
        self.let_time_pass(DAY)
        for day in sorted({*self._days(), runs.last_closed(database_now())}):
            runs.reconcile("sandbox", day)

    def let_time_pass(self, seconds: float) -> None:
        """For everybody, workers that hold something included."""
        let_time_pass(seconds, self.sandbox, [each.row for each in self.claimed])
        for each in self.claimed:
            each.let_time_pass(timedelta(seconds=seconds))

    def restart(self) -> None:
        """Every process ends, with all that it knew; so do the nudges that were on their way."""
        self.claimed.clear()
        publisher.flush(timeout_s=2)
        dramatiq.get_broker().flush_all()
        provider_of.cache_clear()
        sweep.lane.cache_clear()
        breaker.seen.clear()

    def quiet_down(self) -> None:
        """The provider is well, workers run, nobody buys, and days pass, each compared with the provider's list."""
        self.sandbox.clear_faults()
        self.sandbox.refunds_start_as("succeeded")
        self.restart()
        for seconds in (MINUTE, HOUR + MINUTE):
            self.let_time_pass(seconds)
            self.shop.sweep()
            self._finish_what_takes_time()
        self.reconcile()
        self.let_time_pass(HOUR)
        self.shop.sweep()

    def still_due(self) -> list[DueRow]:
        """What a sweep has left undone."""
        return [row for kind in KINDS.values() for row in kind.due(database_now())]

    def bugs(self) -> list[str]:
        """What the log complained of since the world began."""
        return self._bugs.told

    def mails_delivered(self) -> list[str]:
        """The Message-ID of each mail that came."""
        return [str(each.message["Message-ID"]) for each in self.mail.messages[self._mails_before :]]

    def _finish_what_takes_time(self) -> None:
        for their in self.sandbox.ledger.all():
            if their.working:
                self.sandbox.force(their.id, "succeeded")
        for refund in self.sandbox.ledger.refunds():
            if refund.status == "pending":
                self.sandbox.force_refund(refund.id, "succeeded")

    def _days(self) -> Iterator[date]:
        made_here = Payment.objects.values_list("created_at", flat=True)
        ledger = self.sandbox.ledger
        paid_there = [their.created_at for their in ledger.all()]
        moved_there = [each.created_at for each in ledger.refunds()] + [each.created_at for each in ledger.disputes()]
        for moment in [*made_here, *paid_there, *moved_there]:
            yield moment.astimezone(UTC).date()


class _Bugs(logging.Handler):
    """Whatever is caught and logged so that the work can go on would otherwise pass unseen."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg in BUGS:
            error = record.exc_info[1] if record.exc_info else ""
            self.told.append(f"{record.msg} {error!r}")

    def close(self) -> None:
        logging.getLogger().removeHandler(self)
        super().close()


def _forget_everything() -> None:
    """Rows of the world before; whoever points at others goes first."""
    for model in (
        Notification, OrderEvent, OrderLine, Order, Cart,
        PaymentEvent, Callback, Refund, Dispute, ProviderId, Difference, Reconciliation, Payment, AccountState, Product,
    ):  # fmt: skip
        model._default_manager.all().delete()
