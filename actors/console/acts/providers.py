"""Providers: open and close a breaker by hand."""

from django.utils.translation import gettext_lazy as _

from actors.console.access import CONFIGURE
from actors.console.acting import Act, Subject
from billing.limits import breaker
from billing.models import AccountState, Breaker

NEEDS = (CONFIGURE, "billing.change_accountstate")


def _account(key: str) -> Subject | None:
    state = AccountState.objects.filter(pk=key).first()
    return Subject(key, state.account, state) if state else None


def _open(key: str, by: str, why: str) -> bool:
    if breaker.of(key).breaker == Breaker.HELD:
        return False
    breaker.open_by_hand(key, by, why)
    return True


def _close(key: str, by: str, why: str) -> bool:
    breaker.close_by_hand(key, by, why)
    return True


ACTS = (
    Act(
        "open-breaker", _("Ask nothing"),
        _("Nothing is asked of this provider, not even a probe, until somebody closes the breaker again. Payments stay "
          "open meanwhile; their customers wait."),
        NEEDS, _account, _open, _("Breakers opened by hand"), _("Opened by hand already"), asks_why=True, stops=True,
    ),
    Act(
        "close-breaker", _("Ask again"),
        _("Calls pass at once, whoever opened the breaker; a pause the provider asked for ends too."),
        NEEDS, _account, _close, _("Breakers closed by hand"), asks_why=True,
    ),
)  # fmt: skip
