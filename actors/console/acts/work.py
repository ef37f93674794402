"""Slow work: a sweep, or one row, now."""

from django.contrib.auth import get_permission_codename
from django.db.models import Model, Q
from django.utils.translation import gettext_lazy as _

from actors.console.access import ACT
from actors.console.acting import Act, Subject
from actors.kinds import Kind, kind_named
from billing.lookup import number_in
from billing.models import AskedBy
from config.messaging.nudges import nudge


def _kind(key: str) -> Subject | None:
    kind = kind_named(key)
    return Subject(key, str(kind.label)) if kind else None


def _sweep(key: str, by: str, why: str) -> bool:
    kind = kind_named(key)
    assert kind is not None  # noqa: S101 (it was found)
    nudge(kind.sweep)
    return True


def _split(key: str) -> tuple[Kind | None, int | None]:
    """A key like `notification:17`."""
    name, _colon, pk = key.partition(":")
    return kind_named(name), number_in(pk)


def _row(key: str) -> Subject | None:
    kind, pk = _split(key)
    row = kind.trim(kind.due.appointments()).filter(pk=pk).first() if kind else None
    return Subject(key, str(row), row, (_change(row),)) if row is not None else None


def _change(row: Model) -> str:
    """Whoever may not make rows of this kind move elsewhere cannot do it from here."""
    return f"{row._meta.app_label}.{get_permission_codename('change', row._meta)}"


def _look(key: str, by: str, why: str) -> bool:
    """A row whose due time is a promise is only worked off if it is due."""
    kind, pk = _split(key)
    assert kind is not None  # noqa: S101 (it was found)
    made_due = kind.may_be_early and kind.due.make_due(Q(pk=pk), AskedBy.OPERATOR) > 0
    nudge(kind.sweep)
    return bool(made_due)


ACTS = (
    Act(
        "look-now", _("Look now"), _("The sweep works off what is due, without waiting for its next tick."), (ACT,),
        _kind, _sweep, _("Sweeps that were asked to look now"),
    ),
    Act(
        "look-at", _("Look now"), _("The row comes due at once, and the sweep is asked to look."), (ACT,),
        _row, _look, _("Rows that are looked at now"),
        _("Left alone: rows that have come to their end, or that may not be early"),
    ),
)  # fmt: skip
