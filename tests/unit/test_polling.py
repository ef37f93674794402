"""When to ask next: the two tracks, the end of the window, and what errors cost."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from billing import polling
from billing.models import Attention, Payment

BORN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def payment(*, window_s: float = 3600, attention: Attention = Attention.NONE, errors: int = 0) -> Payment:
    """An open payment that began at BORN."""
    ends_at = BORN + timedelta(seconds=window_s)
    return Payment(created_at=BORN, window_ends_at=ends_at, attention=attention, errors=errors)


def after(seconds: float) -> datetime:
    """So long after BORN."""
    return BORN + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("age_s", "interval_s"), [(0, 5), (0.5, 5), (299.999, 5), (300, 60), (300.001, 60), (3_600, 60), (10**8, 60)]
)
def test_fast_while_the_customer_waits_slow_afterwards(age_s: float, interval_s: float) -> None:
    """The fast track ends at FAST_TRACK_LIMIT_S, to the moment."""
    assert polling.interval(timedelta(seconds=age_s)) == timedelta(seconds=interval_s)


def test_the_tracks_are_settings(settings: Settings) -> None:
    """Their names and meanings are the seeds'."""
    settings.FAST_TRACK_LIMIT_S, settings.FAST_TRACK_INTERVAL_S, settings.SLOW_TRACK_INTERVAL_S = 10, 2, 30

    assert polling.interval(timedelta(seconds=9)) == timedelta(seconds=2)
    assert polling.interval(timedelta(seconds=10)) == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("late_s", "next_s"),
    [(0, 5), (0.001, 5), (0.9, 5), (4.999, 5), (5, 10), (5.001, 10), (12, 15), (1_000_000, 1_000_005)],
)
def test_steps_are_counted_from_when_the_look_was_due(late_s: float, next_s: float) -> None:
    """A look that came late does not make every later one late; steps that were missed are not caught up."""
    assert polling.next_step(BORN, timedelta(seconds=5), after(late_s)) == after(next_s)


@pytest.mark.parametrize("early_s", [0.001, 1, 4.999, 5, 60])
def test_a_look_before_it_was_due_keeps_the_appointment_after_it(early_s: float) -> None:
    """The next step is never the one that was just taken."""
    assert polling.next_step(BORN, timedelta(seconds=5), after(-early_s)) == after(5)


def test_the_next_step_always_lies_ahead() -> None:
    """Whatever the lateness, the appointment is in the future and less than one step away."""
    step = timedelta(seconds=5)
    for tenths in range(-5, 1_000):
        now = after(tenths / 10)
        moment = polling.next_step(BORN, step, now)
        assert now < moment <= max(now, BORN) + step
        assert (moment - BORN) % step == timedelta(0)


def test_a_pending_payment_keeps_to_its_steps() -> None:
    """Looked at 0.7 s late, it is asked about 5 s after it was due."""
    assert polling.next_check(payment(), due_since=after(20), asked_at=after(20.7), now=after(20.7)) == after(25)


def test_an_older_payment_is_on_the_slow_track() -> None:
    """From FAST_TRACK_LIMIT_S on, once a minute."""
    assert polling.next_check(payment(), due_since=after(305), asked_at=after(305.2), now=after(305.2)) == after(365)


@pytest.mark.parametrize("left_s", [0.5, 3, 59])
def test_the_end_of_the_window_is_never_overslept(left_s: float) -> None:
    """The last look comes when the time to pay is over, to the moment."""
    open_payment = payment(window_s=600)
    now = after(600 - left_s)

    assert polling.next_check(open_payment, due_since=now, asked_at=now, now=now) == open_payment.window_ends_at


def test_a_window_that_ended_after_the_question_is_asked_about_at_once() -> None:
    """The answer came late: the last question has not been asked yet."""
    open_payment = payment(window_s=600)

    assert polling.next_check(open_payment, after(595), asked_at=after(599), now=after(602)) == after(602)


@pytest.mark.parametrize(("age_s", "wait_s"), [(0, 5), (60, 10), (600, 100), (10**6, 3600)])
def test_what_a_bank_works_on_is_asked_about_ever_more_seldom(age_s: float, wait_s: float) -> None:
    """The window does not matter: the customer has paid."""
    working = payment(window_s=1)
    working.working_since = after(100)

    now = after(100 + age_s)
    assert polling.next_check(working, now, now, now) == now + timedelta(seconds=wait_s)


def test_after_the_window_the_steps_go_on() -> None:
    """A payment that could not be called off is still looked at, and never in the past."""
    assert polling.next_check(
        payment(window_s=600), due_since=after(600), asked_at=after(600), now=after(600)
    ) == after(660)


def test_a_case_for_a_person_is_looked_at_slowly(settings: Settings) -> None:
    """Attention is never the same as failed: the looks go on, ATTENTION_INTERVAL_S apart."""
    settings.ATTENTION_INTERVAL_S = 600

    assert polling.next_check(payment(attention=Attention.MISMATCH), after(10), after(11), after(11)) == after(611)


@pytest.mark.parametrize(("errors", "wait_s"), [(0, 5), (1, 10), (2, 20), (3, 40), (4, 60), (5, 60), (10_000, 60)])
def test_errors_double_the_wait_up_to_a_limit(errors: int, wait_s: float) -> None:
    """From FAST_TRACK_INTERVAL_S to SLOW_TRACK_INTERVAL_S."""
    assert polling.error_wait(payment(errors=errors), None) == timedelta(seconds=wait_s)


@pytest.mark.parametrize(("wish_s", "wait_s"), [(None, 5), (0, 5), (1, 5), (30, 30), (600, 600), (99_999, 600)])
def test_the_providers_wish_to_be_left_alone_is_granted_within_reason(wish_s: float | None, wait_s: float) -> None:
    """Retry-After makes the wait longer, never shorter, and never longer than ATTENTION_INTERVAL_S."""
    assert polling.error_wait(payment(), wish_s) == timedelta(seconds=wait_s)


@pytest.mark.parametrize("attention", [attention for attention in Attention if attention])
def test_an_error_on_a_case_for_a_person_waits_as_long_as_any_look_at_it(attention: Attention) -> None:
    """Slowly, whatever the count of errors and the provider's wish."""
    assert polling.error_wait(payment(attention=attention, errors=1), 1) == timedelta(seconds=600)


# --- the policy `growing` --------------------------------------------------------------------------------------------


def growing(settings: Settings, *, pk: int = 1, window_s: float = 10**9) -> Payment:
    """A payment that is asked about ever more seldom."""
    settings.PAYMENT_ACCOUNTS = {"sandbox": {"polling_policy": "growing"}}
    return Payment(pk=pk, account="sandbox", created_at=BORN, window_ends_at=after(window_s))


def looks(open_payment: Payment, number: int) -> list[float]:
    """When it is asked about if nobody is ever late, in seconds."""
    moments, now = [], BORN
    for _ in range(number):
        now = polling.next_check(open_payment, now, now, now)
        moments.append((now - BORN).total_seconds())
    return moments


def test_the_gaps_grow_as_fibonaccis_numbers_do(settings: Settings) -> None:
    """Within a fifth, and up to GROWING_LONGEST_S."""
    planned = [5, 5, 10, 15, 25, 40, 65, 105, 170, 275, 300, 300, 300]
    moments = [0.0, *looks(growing(settings), len(planned))]

    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert all(0.8 * plan <= gap <= 1.2 * plan for gap, plan in zip(gaps, planned, strict=True)), gaps


def test_each_account_has_its_policy(settings: Settings) -> None:
    """Another account goes on as it did."""
    grown = growing(settings)
    plain = Payment(pk=1, account="other", created_at=BORN, window_ends_at=grown.window_ends_at)
    assert polling.next_check(plain, after(305), after(305), after(305)) == after(365)
    assert polling.next_check(grown, after(305), after(305), after(305)) != after(365)


def test_a_cap_below_the_first_step_is_the_only_gap(settings: Settings) -> None:
    """Whatever the settings, there is a later step."""
    settings.FAST_TRACK_INTERVAL_S = 500
    assert [polling.growing_step(number) for number in range(3)] == [(300, 300), (600, 300), (900, 300)]


@given(pk=st.integers(1, 2**40), age_s=st.floats(0, 10**7))
def test_a_growing_step_lies_ahead_and_is_the_next_one(pk: int, age_s: float) -> None:
    """A pure function of payment and clock: no step is skipped, and one that was taken does not come again."""
    open_payment = Payment(pk=pk, account="g", created_at=BORN, window_ends_at=after(10**9))
    with override_settings(PAYMENT_ACCOUNTS={"g": {"polling_policy": "growing"}}):
        moment = polling.next_check(open_payment, BORN, after(age_s), after(age_s))

        assert after(age_s) < moment <= after(age_s + 1.2 * 300)
        before = moment - timedelta(microseconds=1)
        assert polling.next_check(open_payment, BORN, before, before) == moment
        assert polling.next_check(open_payment, BORN, moment, moment) - moment >= timedelta(seconds=0.8 * 5)


@pytest.mark.parametrize("policy", ["two-track", "growing"])
@given(pk=st.integers(1, 2**40), window_s=st.floats(1, 10**5), share=st.floats(0, 0.999))
def test_no_policy_oversleeps_the_end_of_the_window(policy: str, pk: int, window_s: float, share: float) -> None:
    """Wherever one stands in it."""
    open_payment = Payment(pk=pk, account="g", created_at=BORN, window_ends_at=after(window_s))
    with override_settings(PAYMENT_ACCOUNTS={"g": {"polling_policy": policy}}):
        now = after(window_s * share)
        assert now < polling.next_check(open_payment, now, now, now) <= open_payment.window_ends_at


def test_payments_that_began_together_drift_apart(settings: Settings) -> None:
    """A hundred of them are not asked about in the same second an hour later."""
    moments = [looks(growing(settings, pk=pk), 15)[-1] for pk in range(100)]
    assert max(moments) - min(moments) > 0.1 * 300
    assert len({round(moment) for moment in moments}) > 30
