"""1,000 payments due at once, at a provider that answers in 50 ms: how soon has one worker process looked at them all?

Run as a process of its own, on the database that DATABASE_URL names; prints one JSON object per round.
"""

import json
import resource
import sys
import time
from datetime import timedelta

import django
import requests
from django.conf import settings

django.setup()

from billing.models import Payment  # noqa: E402
from billing.money import Money  # noqa: E402
from billing.payments import sweep  # noqa: E402 (models can be imported once Django is set up)
from billing.providers import provider_of  # noqa: E402
from config.due.queue import database_now  # noqa: E402


def main(payments: int, rounds: int) -> None:
    """Write the payments down once; then make them due and work them off, round after round."""
    write_payments(payments)
    for _ in range(rounds):
        Payment.objects.update(next_check_at=database_now() - timedelta(seconds=1), created_at=database_now())
        print(json.dumps(work_off(payments)), flush=True)


def write_payments(count: int) -> None:
    """As the shop would have, known to the provider and pending."""
    window_ends_at = database_now() + timedelta(hours=1)
    for number in range(count):
        payment = Payment(
            account="sandbox",
            reference=f"bench-{number}",
            amount_minor=Money.parse("4.50", "EUR").minor,
            currency="EUR",
            description="bench",
            return_url="http://127.0.0.1/",
            status="pending",
            window_ends_at=window_ends_at,
            next_check_at=window_ends_at,
        )
        payment.provider_ref = provider_of("sandbox").create(payment).provider_ref
        payment.save()
    requests.post(
        f"{settings.PAYMENT_ACCOUNTS['sandbox']['url']}/control/faults",
        json={"where": "status", "kind": "delay", "delay_ms": 50},
        timeout=5,
    ).raise_for_status()


def work_off(due: int) -> dict[str, float]:
    """Look at all that is due; what it took."""
    started, cpu_before = time.perf_counter(), _cpu_s()
    looked_at = 0
    while looked_at < due:
        looked_at += sweep.check_due("sandbox", 20)
    wall = time.perf_counter() - started
    return {"looked_at": looked_at, "seconds": wall, "cpu_ms_per_check": 1000 * (_cpu_s() - cpu_before) / looked_at}


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
