"""The pause of an account: the provider asked to be left alone, and is."""

import logging
import time
from datetime import timedelta

import pytest
from pytest_django import Settings

from billing.errors import Unavailable
from billing.limits import breaker, permits
from billing.models import Breaker, Payment
from billing.payments import sweep
from billing.sandbox import SandboxServer
from config.due.queue import database_now
from tests.accounts import pending, state

pytestmark = [pytest.mark.usefixtures("account_at_rest"), pytest.mark.sqlite_is_enough]


def test_too_many_requests_pauses_the_account(
    sandbox: SandboxServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """For as long as the provider said; said once, whoever asked, and it goes on by itself."""
    pending(20, due_for_s=5)
    fault = sandbox.fault("status", "status_429", retry_after_s=1)
    settings.PAYMENT_CHECK_CONCURRENCY = 6
    sweep.lane.cache_clear()
    with caplog.at_level(logging.WARNING):
        sweep.check_due("sandbox", 20)
    assert [record.message for record in caplog.records] == ["provider.paused"]
    sandbox.clear_faults(fault)
    assert sweep.check_due("sandbox", 20) == 0
    assert not permits.permit("sandbox")
    assert not Payment.objects.exclude(errors=0, attention="").exists()
    assert (state().breaker, state().errors) == (Breaker.CLOSED, 0)

    time.sleep(1)
    Payment.objects.update(next_check_at=database_now())
    assert sweep.check_due("sandbox", 20) == 20


def test_no_wish_keeps_us_away_for_ever() -> None:
    """PAUSE_LIMIT_S."""
    breaker.note("sandbox", [Unavailable("HTTP 429", retry_after_s=99_999)])

    paused_until = state().paused_until
    assert paused_until is not None
    assert timedelta(seconds=290) < paused_until - database_now() <= timedelta(seconds=300)
