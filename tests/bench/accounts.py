"""Two accounts of one provider under 32 threads: 10,000 calls, and how many went out with the other's key.

Run as a process of its own; prints a JSON object that says what is tried, and one for each provider with a stand-in.
"""

import json

import django
from django.conf import settings

CALLS = 10_000


def main() -> None:
    """One after the other."""
    django.setup()
    from tests.conformance.accounts import THREADS, mix
    from tests.conformance.cases import CASES
    from tests.conformance.cases.case import StandInCase

    settings.PAYMENT_API_TIMEOUT_S = 30  # caller and provider share this process
    print(json.dumps({"threads": THREADS, "calls": CALLS}))
    for kind in CASES.values():
        if issubclass(kind, StandInCase):
            with kind() as case:
                found = mix(case, CALLS)
            facts = {"calls": list(found.calls), "wrong": found.with_a_wrong_key, "seconds": found.seconds}
            print(json.dumps({"provider": kind.provider, **facts}))


if __name__ == "__main__":
    main()
