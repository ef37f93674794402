"""Every kind of slow work, with the sweep that finds its due rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.callbacks.inbox import CALLBACK_QUEUE
from billing.payments.check import CHECK_QUEUE
from billing.reconciliation.day import RECONCILIATION_QUEUE
from billing.refunds.follow import REFUND_QUEUE
from commerce.mail.queue import MAIL_QUEUE
from commerce.models.notification import without_texts
from commerce.orders import EXPIRY_QUEUE
from commerce.settlement import SETTLEMENT_QUEUE
from config.due.queue import Due

Rows = QuerySet[Any]


@dataclass(frozen=True)
class Kind:
    """One row of the README's table of slow work; `sweep` is an actor."""

    label: Promise
    due: Due[Any]
    sweep: str
    trim: Callable[[Rows], Rows] = lambda rows: rows
    """Loads what a list of rows needs and leaves out the rest."""

    may_be_early: bool = True
    """May a row be worked on before it is due? Not if the due time is a promise to a customer."""

    @property
    def name(self) -> str:
        """As in metrics, like `payment_event`; also used in URLs."""
        return self.due.noun


KINDS = (
    Kind(_("open payments"), CHECK_QUEUE, "check_pending_payments"),
    Kind(_("stored callbacks"), CALLBACK_QUEUE, "process_waiting_callbacks", trim=lambda rows: rows.defer("body")),
    Kind(_("payment events to settle"), SETTLEMENT_QUEUE, "settle_orders"),
    Kind(_("mails"), MAIL_QUEUE, "send_pending_emails", trim=without_texts),
    Kind(_("unpaid orders"), EXPIRY_QUEUE, "expire_orders", may_be_early=False),
    Kind(_("open refunds"), REFUND_QUEUE, "follow_refunds", trim=lambda rows: rows.select_related("payment")),
    Kind(_("days to compare with a provider's list"), RECONCILIATION_QUEUE, "reconcile_payments"),
)  # fmt: skip
"""Kinds with waiting customers come first. A refund's text needs the payment's currency."""


def kind_named(name: str) -> Kind | None:
    return next((kind for kind in KINDS if kind.name == name), None)
