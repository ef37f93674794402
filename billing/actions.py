"""What an operator can do that moves no money: check now, process again, compare again, and switch a breaker."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.callbacks import inbox
from billing.limits import breaker
from billing.models import AccountState, AskedBy, Breaker, Callback, Payment, Reconciliation, Refund
from billing.payments import service as payments
from billing.reconciliation import runs
from billing.refunds.follow import REFUND_QUEUE
from config.actions import Action, Reason, row_of
from config.messaging.nudges import nudge


def _check(payment_id: int, by: str) -> bool:
    return payments.check_now(Payment.objects.get(pk=payment_id), AskedBy.OPERATOR)


def _check_refund(refund_id: int, by: str) -> bool:
    return REFUND_QUEUE.make_due(Q(pk=refund_id), AskedBy.OPERATOR) > 0


def _compare_again(run_id: int, by: str) -> None:
    run = Reconciliation.objects.get(pk=run_id)
    runs.compare_again(run.account, run.day)
    nudge("reconcile_payments")


def _open_breaker(account: str, by: str, why: str) -> bool:
    if breaker.of(account).breaker == Breaker.HELD:
        return False
    breaker.open_by_hand(account, by, why)
    return True


CHECK_PAYMENT = Action(
    "check-payment", _("Check now"), _("The provider is asked at once."), ("billing.change_payment",),
    row_of(Payment), _check, _("Payments the provider is asked about now"),
    _("Payments whose outcome is known already"), offered=lambda payment: payment.is_open,
)  # fmt: skip
CHECK_REFUND = Action(
    "check-refund", _("Check now"), _("The provider is asked at once."), ("billing.add_refund",),
    row_of(Refund), _check_refund, _("Refunds the provider is asked about now"),
    _("Refunds whose outcome is known already"), offered=lambda refund: refund.is_open,
)  # fmt: skip
REPLAY = Action(
    "replay", _("Process again"),
    _("As if they had just come, forged ones too: all that can happen is a question to the provider."),
    ("billing.change_callback",), row_of(Callback, "body"), inbox.replay,
    _("Callbacks that are processed again now"),
)  # fmt: skip
COMPARE_AGAIN = Action(
    "compare-again", _("Compare again"), _("The day comes due now, however long ago it was compared."),
    ("billing.change_reconciliation",), row_of(Reconciliation), _compare_again, _("Days that are compared now"),
)  # fmt: skip
OPEN_BREAKER = Action(
    "open-breaker", _("Ask nothing"),
    _("Nothing is asked of this provider, not even a probe, until a person closes the breaker again. Payments stay "
      "open meanwhile; their customers wait."),
    ("billing.change_accountstate",), row_of(AccountState), _open_breaker, _("Breakers opened by hand"),
    _("Opened by hand already"), Reason, stops=True,
)  # fmt: skip
CLOSE_BREAKER = Action(
    "close-breaker", _("Ask again"),
    _("Calls pass at once, no matter who opened the breaker; a pause the provider asked for ends too."),
    ("billing.change_accountstate",), row_of(AccountState), breaker.close_by_hand, _("Breakers closed by hand"),
    form=Reason,
)  # fmt: skip
