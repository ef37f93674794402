"""Payments: ask about one now. What moves money has pages of its own, the ways out in the admin."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from actors.console.access import ACT
from actors.console.acting import Act, Subject
from billing.lookup import number_in
from billing.models import AskedBy, Payment
from billing.payments import service as payments


def _payment(key: str) -> Subject | None:
    payment = Payment.objects.filter(Q(pk=number_in(key))).first()
    return Subject(key, str(payment), payment) if payment else None


def _check(key: str, by: str, why: str) -> bool:
    return payments.check_now(Payment.objects.get(pk=key), AskedBy.OPERATOR)


ACTS = (
    Act(
        "check-payment", _("Check now"), _("The provider is asked at once."), (ACT, "billing.change_payment"),
        _payment, _check, _("Payments the provider is asked about now"),
        _("Payments whose outcome is known already"),
    ),
)  # fmt: skip
