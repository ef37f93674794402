"""What a project adds to what operators see of billing: in the console, in `jobs doctor` and in the metrics."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Model
from django.utils.module_loading import import_string

from actors.kinds import OF_BILLING, Kind
from billing.explain.timeline import Entry, in_order, of_payments
from billing.models import Payment
from billing.payments import service as payments
from config.actions import Action

if TYPE_CHECKING:
    from actors.console.page import Page
    from actors.operations.findings.finding import Finding, Snapshot


def _nothing(payment: Payment) -> tuple[Model | None, list[Entry]]:
    """The project's own thing is not known, so the story is that of its payments."""
    return None, in_order(of_payments(payments.history(payment.reference)))


@dataclass(frozen=True)
class Project:
    """The setting ACTOR_PROJECT names one; the shop's is in `actors.shop`."""

    kinds: Sequence[Kind] = OF_BILLING
    """All slow work. Kinds with waiting customers come first."""

    checks: "Sequence[Callable[[Snapshot], Iterator[Finding]]]" = ()
    pages: "Sequence[Page]" = ()
    actions: Sequence[Action] = ()
    """Actions of the console that need its permission to act, besides their own."""

    story: Callable[[Payment], tuple[Model | None, list[Entry]]] = _nothing
    """What a payment is for, with a page in the admin, and what happened to it."""

    references: Callable[[str, int], Sequence[str]] = lambda word, most: ()
    """References of the payments for what a word of the search names, like a customer's mail address, the newest."""

    arguments: Mapping[str, type[Model]] = field(default_factory=dict)
    """Arguments of its actors that are primary keys, with their models."""

    heartbeat: Callable[[], Mapping[str, Any]] = dict
    """Columns of the worker's row that each heartbeat writes besides its own."""


BILLING_ALONE = Project()


def project() -> Project:
    """The one that ACTOR_PROJECT names."""
    found: Project = import_string(settings.ACTOR_PROJECT)
    return found


def kind_named(name: str) -> Kind | None:
    return next((kind for kind in project().kinds if kind.name == name), None)
