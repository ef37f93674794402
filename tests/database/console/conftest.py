"""A house with something of everything."""

import pytest
from django.utils import timezone

from billing.limits import breaker
from billing.models import Payment
from commerce.models import OrderStatus
from tests import reporting
from tests.consoles import given_up, job, worker
from tests.shop import Shop


@pytest.fixture
def house(shop: Shop) -> dict[str, str]:
    """Something of everything; for each act a key that it finds."""
    order = reporting.order(OrderStatus.AWAITING_PAYMENT, timezone.now())
    payment = Payment.objects.get(reference=order.public_id)
    mail = given_up(order)
    state = breaker.of("sandbox")
    ran, _ = job(), worker()
    return {
        "look-now": "payment",
        "look-at": f"payment:{payment.pk}",
        "check-payment": str(payment.pk),
        "check-payments": "1:which=open",
        "job-again": str(ran.pk),
        "jobs-again": "1:q=check_payment",
        "pause-queue": "urgent",
        "resume-queue": "urgent",
        "letter-again": "queue:urgent",
        "letter-drop": "queue:urgent",
        "run-now": "settle_orders",
        "pause-entry": "settle_orders",
        "resume-entry": "settle_orders",
        "open-breaker": state.account,
        "close-breaker": state.account,
        "send-mail-again": str(mail.pk),
        "send-alike-again": str(mail.pk),
    }
