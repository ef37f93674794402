"""What a kind of slow work is, and those of billing. `actors.project` names the project's own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_permission_codename
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.actions import CHECK_PAYMENT, CHECK_REFUND
from billing.callbacks.inbox import CALLBACK_QUEUE
from billing.payments.check import CHECK_QUEUE
from billing.reconciliation.day import RECONCILIATION_QUEUE
from billing.refunds.follow import REFUND_QUEUE
from config.due.queue import Due

if TYPE_CHECKING:
    from actors.operations.findings.finding import Snapshot

Rows = QuerySet[Any]


@dataclass(frozen=True)
class WhyLate:
    """A reason of its own for late rows."""

    problem: str
    """With the number of due rows as `%(due)s`."""

    advice: str


class SaidElsewhere:
    """Another finding says why the rows are late."""


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

    section: str = "worklate"
    """The section of the runbook about its late rows."""

    why_late: "Callable[[Snapshot], WhyLate | SaidElsewhere | None]" = lambda seen: None
    """None: no worker has checked the rows."""

    check: str = ""
    """The permission to check one of its rows now; empty: the permission to change such rows."""

    @property
    def name(self) -> str:
        """As in metrics, like `payment_event`; also used in URLs."""
        return self.due.noun

    @property
    def needs(self) -> str:
        """The permission to check one of its rows now, besides that of the console."""
        rows = self.due.model._meta
        return self.check or f"{rows.app_label}.{get_permission_codename('change', rows)}"


OPEN_PAYMENTS = Kind(
    _("open payments"),
    CHECK_QUEUE,
    "check_pending_payments",
    section="customerswait",
    check=CHECK_PAYMENT.permissions[0],
)
CALLBACKS = Kind(
    _("stored callbacks"),
    CALLBACK_QUEUE,
    "process_waiting_callbacks",
    trim=lambda rows: rows.defer("body"),
    section="customerswait",
)
REFUNDS = Kind(  # its text needs the payment's currency
    _("open refunds"),
    REFUND_QUEUE,
    "follow_refunds",
    trim=lambda rows: rows.select_related("payment"),
    check=CHECK_REFUND.permissions[0],
)
DAYS = Kind(_("days to compare with a provider's list"), RECONCILIATION_QUEUE, "reconcile_payments")

OF_BILLING = (OPEN_PAYMENTS, CALLBACKS, REFUNDS, DAYS)
