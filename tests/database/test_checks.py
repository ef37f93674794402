"""A look at a payment: what the provider says, and what we write down."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from billing.limits import breaker
from billing.models import AskedBy, Attention, Payment, PaymentEvent
from billing.payments import service as payments
from billing.payments import sweep
from billing.payments.check import CHECK_QUEUE, CheckResult, calls_needed, check, record
from billing.providers import REGISTRY
from billing.providers.base import PaymentSnapshot
from billing.providers.sandbox import Sandbox
from billing.states import ForbiddenArrow, Status
from commerce import orders
from config.due.queue import database_now
from tests.shop import CUSTOMER, Shop
from tests.stack.ports import wait_until


def wait(payment: Payment) -> timedelta:
    """How long until the next look."""
    assert payment.next_check_at is not None
    return payment.next_check_at - database_now()


def test_a_payment_that_was_introduced_is_pending_and_has_an_appointment(shop: Shop) -> None:
    """The customer learns where to pay, and the next look is booked on the fast track."""
    _, payment = shop.order()

    assert payment.status == Status.PENDING
    assert payment.pay_url == f"{shop.sandbox.url}/pay/{payment.provider_ref}"
    assert timedelta(seconds=1) < wait(payment) < timedelta(seconds=6)
    assert (payment.claims, payment.errors, payment.attention) == (0, 0, "")


def test_money_that_was_paid_is_found_by_asking(shop: Shop) -> None:
    """No callback is needed: the provider is asked."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")

    payment = shop.look(payment)

    assert payment.status == Status.SUCCEEDED
    assert payment.found_by == AskedBy.OPERATOR
    assert payment.next_check_at is None
    assert [event.target for event in payment.events.all()] == ["pending", "succeeded"]


def test_still_pending_writes_nothing_but_the_next_appointment(shop: Shop) -> None:
    """An answer that brings nothing new makes no event and keeps to the steps of the track."""
    _, payment = shop.order()
    booked = payment.next_check_at
    assert booked is not None

    shop.let_time_pass(5.4)
    assert sweep.check_due("sandbox", 5) == 1

    payment = shop.fresh(payment)
    assert payment.events.count() == 1
    assert payment.next_check_at == booked - timedelta(seconds=5.4) + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("action", "status"), [("cancel", Status.CANCELED), ("decline", Status.FAILED), ("authorize", Status.AUTHORIZED)]
)
def test_what_the_buyer_did_is_what_is_recorded(shop: Shop, action: str, status: Status) -> None:
    """Each answer of the provider leads to its own state."""
    _, payment = shop.order()
    shop.buyer(payment, action)

    assert shop.look(payment).status == status


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency", "wrong_reference"])
def test_money_that_is_not_what_we_asked_for_is_not_paid(shop: Shop, kind: str) -> None:
    """A mismatch is a case for a person, looked at slowly, and cleared when it is gone."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    fault = shop.sandbox.fault("status", kind)

    payment = shop.look(payment)

    assert (payment.status, payment.attention) == (Status.PENDING, Attention.MISMATCH)
    assert wait(payment) > timedelta(seconds=500)
    shop.sandbox.clear_faults(fault)
    assert shop.look(payment).status == Status.SUCCEEDED


def test_a_status_we_do_not_know_decides_nothing(shop: Shop) -> None:
    """An unknown word leaves the payment open, for a person to see."""
    _, payment = shop.order()
    shop.sandbox.fault("status", "unknown_status")

    payment = shop.look(payment)

    assert (payment.status, payment.attention) == (Status.PENDING, Attention.UNKNOWN_STATUS)


@pytest.mark.parametrize("kind", ["reset", "status_500", "status_502_html", "html", "not_json", "oversized"])
def test_an_error_decides_nothing_and_is_counted(shop: Shop, kind: str) -> None:
    """Whatever goes wrong on the way, the payment stays open and is looked at again."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    fault = shop.sandbox.fault("status", kind)

    payment = shop.look(payment)
    assert (payment.status, payment.errors) == (Status.PENDING, 1)

    shop.sandbox.clear_faults(fault)
    assert shop.look(payment).status == Status.SUCCEEDED


def test_running_out_of_attempts_means_attention_and_never_failed(shop: Shop, settings: Settings) -> None:
    """Only consecutive errors count, and they never decide about money."""
    settings.PAYMENT_ATTEMPTS_LIMIT = 3
    _, payment = shop.order()
    fault = shop.sandbox.fault("status", "status_500")
    for _ in range(4):
        payment = shop.look(payment)
        breaker.note("sandbox", [None])  # other payments are answered, so the account is not to blame
    assert (payment.status, payment.attention, payment.errors) == (Status.PENDING, Attention.ERRORS, 4)

    shop.sandbox.clear_faults(fault)
    payment = shop.look(payment)
    assert (payment.status, payment.attention, payment.errors) == (Status.PENDING, "", 0)


def test_a_lost_answer_to_creating_a_payment_makes_no_second_one(shop: Shop) -> None:
    """The same idempotency key goes along until there is an answer."""
    shop.sandbox.fault("create", "lost_answer", times=1)
    order, payment = shop.order()
    assert (payment.status, payment.provider_ref) == (Status.CREATED, "")

    payment = shop.look(payment)

    assert payment.status == Status.PENDING
    assert len([p for p in shop.sandbox.payments() if p["reference"] == order.public_id]) == 1


def test_a_late_finisher_changes_nothing(shop: Shop) -> None:
    """Whoever lost the claim may not write the outcome."""
    _, payment = shop.order()
    shop.let_time_pass(6)
    slow = CHECK_QUEUE.claim_one(payment.pk)
    assert slow is not None
    shop.buyer(payment, "cancel")
    late_answer = check(slow, database_now())
    shop.let_time_pass(CHECK_QUEUE.lease.total_seconds() + 1)
    quick = CHECK_QUEUE.claim_one(payment.pk)
    assert quick is not None

    record([late_answer])

    assert shop.fresh(payment).status == Status.PENDING
    record([check(quick, database_now())])
    assert shop.fresh(payment).status == Status.CANCELED
    assert PaymentEvent.objects.filter(payment=payment, target=Status.CANCELED).count() == 1


def test_nobody_paid_in_time(shop: Shop) -> None:
    """When the window is over the payment is called off at the provider, so that nobody can pay it any more."""
    order, payment = shop.order()
    shop.let_time_pass(3700)

    shop.sweep()

    assert shop.fresh(payment).status == Status.EXPIRED
    assert shop.sandbox.payments()[-1]["status"] in ("canceled", "expired")
    assert shop.fresh(order).status == "expired"


def test_money_in_the_last_moment_counts(shop: Shop) -> None:
    """The provider is asked before anything is called off."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.let_time_pass(3700)

    shop.sweep()

    assert shop.fresh(order).status == "paid"


def test_money_that_comes_while_we_call_it_off_counts(shop: Shop) -> None:
    """Paid between our question and our cancelling: the refusal to cancel is a reason to ask again."""
    order, payment = shop.order()
    shop.let_time_pass(3700)
    shop.sandbox.fault("cancel", "delay", delay_ms=1_500)

    with ThreadPoolExecutor(1) as pool:
        checked = pool.submit(_check_in_thread, payment)
        wait_until(lambda: _is_called_off(shop, payment), "it was being called off")
        shop.buyer(payment, "pay")
        assert checked.result()
    shop.sweep()

    assert shop.fresh(payment).status == Status.SUCCEEDED
    assert shop.fresh(order).status == "paid"


def test_a_payment_that_cannot_be_called_off_is_a_case_for_a_person(shop: Shop) -> None:
    """The time to pay is over, the provider keeps it open: looked at slowly, and money still counts."""
    _, payment = shop.order()
    shop.sandbox.fault("cancel", "not_found")
    shop.let_time_pass(3700)

    sweep.check_one(payment.pk)

    payment = shop.fresh(payment)
    assert (payment.status, payment.attention) == (Status.PENDING, Attention.WINDOW_OVER)
    assert wait(payment) > timedelta(seconds=500)
    shop.buyer(payment, "pay")
    assert shop.look(payment).status == Status.SUCCEEDED


@pytest.mark.parametrize("kind", ["unauthorized", "not_found"])
def test_a_provider_that_refuses_to_answer_is_a_case_for_a_person_at_once(shop: Shop, kind: str) -> None:
    """Asking again and again would not help; the money is not given up."""
    _, payment = shop.order()
    fault = shop.sandbox.fault("status", kind)

    payment = shop.look(payment)

    assert (payment.status, payment.attention, payment.errors) == (Status.PENDING, Attention.REFUSED, 1)
    shop.sandbox.clear_faults(fault)
    assert shop.look(payment).attention == Attention.NONE


def test_a_definite_no_to_creating_a_payment_ends_it(shop: Shop, settings: Settings) -> None:
    """It never began at the provider, so nobody can pay it: the customer may try again."""
    order, payment = orders.place(shop.cart(), CUSTOMER)
    Payment.objects.filter(pk=payment.pk).update(currency="eur")  # which the provider does not take
    payment.refresh_from_db()

    payment = payments.introduce(payment)

    assert (payment.status, payment.reason) == (Status.FAILED, "HTTP 422 invalid_request amount.currency")
    assert orders.pay_again(order.public_id) is not None


def test_wrong_credentials_end_no_payment(shop: Shop) -> None:
    """The provider has not said no to this payment, but to us."""
    shop.sandbox.fault("create", "unauthorized", times=1)
    _, payment = shop.order()

    assert (payment.status, payment.attention) == (Status.CREATED, Attention.REFUSED)
    assert shop.look(payment).status == Status.PENDING


def test_a_bug_in_an_adapter_is_an_error_like_any_other(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged with its traceback, counted, and ends nothing."""

    class Buggy(Sandbox):
        def status(self, provider_ref: str) -> PaymentSnapshot:
            raise KeyError(provider_ref)

    _, payment = shop.order()
    monkeypatch.setitem(REGISTRY, "buggy", Buggy)
    settings.PAYMENT_ACCOUNTS = {"buggy": {**settings.PAYMENT_ACCOUNTS["sandbox"], "provider": "buggy"}}
    Payment.objects.update(account="buggy")

    payment = shop.look(payment)

    assert (payment.status, payment.errors) == (Status.PENDING, 1)


def test_one_answer_that_cannot_be_written_holds_up_no_other(shop: Shop) -> None:
    """The provider uses one id for two payments; the database refuses that, and the third is paid all the same."""
    product = shop.product(stock=9)
    (_, first), (_, second), (_, third) = (shop.order(product) for _ in range(3))
    shop.let_time_pass(6)
    claimed = {payment.pk: payment for payment in CHECK_QUEUE.claim_batch(10)}
    shop.buyer(third, "pay")
    looks = [check(claimed[payment.pk], database_now()) for payment in (first, second, third)]
    assert isinstance(looks[1].outcome, PaymentSnapshot)
    Payment.objects.filter(pk=second.pk).update(provider_ref="")
    claimed[second.pk].provider_ref = ""
    looks[1] = CheckResult(
        claimed[second.pk], replace(looks[1].outcome, provider_ref=first.provider_ref), database_now()
    )

    record(looks)

    assert shop.fresh(third).status == Status.SUCCEEDED
    assert shop.fresh(second).provider_ref == ""
    assert shop.fresh(second).claims == 1  # it comes due again, and is known to be left over


def test_a_provider_that_takes_success_back_is_reported(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing changes, and somebody learns of it."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    paid = shop.look(payment)
    shop.sandbox.force(payment.provider_ref, "canceled")
    paid.due_since = database_now()

    record([check(paid, database_now())])

    assert shop.fresh(payment).status == Status.SUCCEEDED
    assert "payment.contradiction" in caplog.messages


def test_while_one_payment_is_unresolved_no_second_one_is_started(shop: Shop) -> None:
    """Both might be paid."""
    order, payment = shop.order()

    with pytest.raises(payments.PaymentUnresolved):
        payments.start(
            reference=order.public_id,
            amount=payment.amount,
            description="again",
            return_url=payment.return_url,
            window_ends_at=payment.window_ends_at,
            account="sandbox",
        )


def test_a_payment_that_has_ended_is_asked_about_and_nothing_more(shop: Shop) -> None:
    """It ended here, and is still open there: an operator's question must neither take its money nor cancel it."""
    _, payment = shop.order()
    ended = database_now()
    Payment.objects.filter(pk=payment.pk).update(status=Status.FAILED, next_check_at=None, ended_at=ended)
    shop.let_time_pass(3700)

    looked = shop.look(payment)

    assert (looked.status, looked.ended_at, looked.next_check_at) == (Status.FAILED, ended, None)
    assert shop.sandbox.payments()[-1]["status"] == "pending"


def test_the_time_to_pay_is_over_at_its_end_and_not_after_it(shop: Shop) -> None:
    """And from then on a look makes three calls instead of one: ask, cancel, ask."""
    now = database_now()
    payment = Payment(window_ends_at=now)
    before = now - timedelta(microseconds=1)

    assert (payment.is_to_be_canceled(now), payment.is_to_be_canceled(before)) == (True, False)
    assert (calls_needed(payment, now), calls_needed(payment, before)) == (3, 1)
    assert Payment(window_ends_at=now, cancel_asked_at=before).is_to_be_canceled(before)


def test_a_payment_follows_arrows_and_nothing_else() -> None:
    """Not even in memory: whoever asks for more has a bug."""
    payment = Payment(status=Status.SUCCEEDED)

    with pytest.raises(ForbiddenArrow):
        payment.move(Status.FAILED)

    assert payment.status == Status.SUCCEEDED


def _is_called_off(shop: Shop, payment: Payment) -> bool:
    """The provider has been told, and takes its time."""
    return any(entry["path"].endswith("/cancel") for entry in shop.sandbox.requests(payment.provider_ref))


def _check_in_thread(payment: Payment) -> bool:
    try:
        return sweep.check_one(payment.pk)
    finally:
        connection.close()
