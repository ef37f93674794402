"""Every kind of slow work, with the sweep that finds what is due of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.callbacks import CALLBACKS
from billing.looks import CHECKS
from billing.models import AccountState
from billing.reconciled_day import RECONCILIATIONS
from billing.refunds import REFUNDS
from commerce.notifications import MAILS
from commerce.orders import EXPIRIES
from commerce.reports_mail import REPORT_MAILS
from commerce.settlement import SETTLEMENTS
from config.due import Due


def accounts_in_use() -> list[str]:
    """Those there are and were; asking the payments which ones they have would read all of them."""
    return sorted({*settings.PAYMENT_ACCOUNTS, *AccountState.objects.values_list("pk", flat=True)})


def _whole() -> Iterable[Q]:
    return [Q()]


def _by_account() -> Iterable[Q]:
    """The index of due payments begins with the account."""
    return [Q(account=account) for account in accounts_in_use()]


def _as_it_is(rows: "QuerySet[Any]") -> "QuerySet[Any]":
    return rows


@dataclass(frozen=True)
class Kind:
    """One row of the README's table of slow work."""

    name: str
    """Its model's, like `paymentevent`: in addresses."""

    label: Promise
    due: Due[Any]
    sweep: str
    """The actor that works off what is due."""

    parts: Callable[[], Iterable[Q]] = _whole
    """Conditions that cover all rows, each of which the index of the due column serves."""

    trim: Callable[["QuerySet[Any]"], "QuerySet[Any]"] = _as_it_is
    """What a list of rows needs beside them, and does without."""

    may_be_early: bool = True
    """May a row that is not due yet be looked at now? Not where the due time is a promise to a customer."""


def _without(*columns: str) -> Callable[["QuerySet[Any]"], "QuerySet[Any]"]:
    return lambda rows: rows.defer(*columns)


def _with_payment(rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """A refund is named with its currency."""
    return rows.select_related("payment")


KINDS = (
    Kind("payment", _("open payments"), CHECKS, "check_pending_payments", parts=_by_account),
    Kind("callback", _("stored callbacks"), CALLBACKS, "process_waiting_callbacks", trim=_without("body")),
    Kind("paymentevent", _("payment events the shop has not seen"), SETTLEMENTS, "settle_orders"),
    Kind("notification", _("mails"), MAILS, "send_pending_emails", trim=_without("text", "html")),
    Kind("order", _("orders nobody has paid for"), EXPIRIES, "expire_orders", may_be_early=False),
    Kind("refund", _("refunds on their way"), REFUNDS, "follow_refunds", trim=_with_payment),
    Kind("dailyreport", _("mails about a day's report"), REPORT_MAILS, "send_daily_reports"),
    Kind("reconciliation", _("days to compare with a provider's list"), RECONCILIATIONS, "reconcile_payments"),
)  # fmt: skip
"""Those first for which a customer may be waiting."""


def kind_named(name: str) -> Kind | None:
    """None if there is none of that name."""
    return next((kind for kind in KINDS if kind.name == name), None)
